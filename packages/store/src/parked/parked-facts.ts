import type { DlqReason } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';

/** The content of the dead-letter queue in numbers. */
export interface ParkedFacts {
  byReason: Array<{ reason: DlqReason; entries: number }>;
  /** The size of the bodies of unknown accounts. */
  unknownBytes: number;
}

const readFacts = statement<{ reason: DlqReason; entries: number; bytes: number }>(
  'parked_facts',
  `select reason, count(*)::int as entries,
          coalesce(sum(bytes) filter (where reason = 'unknown_tenant'), 0)::float8 as bytes
     from parked group by reason`,
);

export async function parkedFacts(db: Queryable): Promise<ParkedFacts> {
  const rows = await readFacts(db);
  return {
    byReason: rows.map(({ reason, entries }) => ({ reason, entries })),
    unknownBytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
