import type { DlqReason } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';

/** What the dead-letter queue holds. */
export interface ParkedFacts {
  byReason: Array<{ reason: DlqReason; entries: number }>;
  /** Bodies of unknown accounts, in bytes. */
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
