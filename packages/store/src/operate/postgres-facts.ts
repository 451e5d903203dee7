import { type Queryable, statement } from '../statement.ts';

export interface PostgresFacts {
  version: string;
  /** 160004 for 16.4. */
  versionNumber: number;
  /** A standby, or a server that was told to be. */
  isReadOnly: boolean;
  /** With `off`, a crash loses commits that were acknowledged. */
  synchronousCommit: string;
  /** How far its clock is ahead of this machine's, as exactly as one round trip tells. */
  clockAheadMs: number;
}

interface FactsRow {
  version: string;
  version_number: number;
  is_read_only: boolean;
  synchronous_commit: string;
  now_ms: number;
}

const selectFacts = statement<FactsRow>(
  'postgres_facts',
  `select current_setting('server_version') as version,
          current_setting('server_version_num')::int as version_number,
          current_setting('transaction_read_only') = 'on' as is_read_only,
          current_setting('synchronous_commit') as synchronous_commit,
          (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`,
);

/** What decides whether this server can be used. The connection should be there already. */
export async function readPostgresFacts(db: Queryable): Promise<PostgresFacts> {
  const askedAt = Date.now();
  const [row] = await selectFacts(db);
  const answeredAt = Date.now();
  if (row === undefined) throw new Error('Postgres said nothing of itself');
  return {
    version: row.version,
    versionNumber: row.version_number,
    isReadOnly: row.is_read_only,
    synchronousCommit: row.synchronous_commit,
    clockAheadMs: row.now_ms - (askedAt + answeredAt) / 2,
  };
}
