import type { Queryable } from './database.ts';
import { unexpected } from './errors.ts';
import { run, statement } from './statement.ts';

/** Rejects unless the server answers a query. */
export async function ping(db: Queryable): Promise<void> {
  await run(db, 'select 1');
}

export interface PostgresFacts {
  version: string;
  /** 160004 for 16.4. */
  versionNumber: number;
  /** A standby, or a server with default_transaction_read_only. */
  isReadOnly: boolean;
  /** With `off`, a crash loses commits that were acknowledged. */
  synchronousCommit: string;
  /** How far its clock is ahead of this machine's, to within one round trip. */
  clockAheadMs: number;
}

const selectFacts = statement<Omit<PostgresFacts, 'clockAheadMs'> & { nowMs: number }>(
  'postgres_facts',
  `select current_setting('server_version') as version,
          current_setting('server_version_num')::int as "versionNumber",
          current_setting('transaction_read_only') = 'on' as "isReadOnly",
          current_setting('synchronous_commit') as "synchronousCommit",
          (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"`,
);

/** Decides whether this server can be used. The connection should be open, or its opening counts as clock difference. */
export async function readPostgresFacts(db: Queryable): Promise<PostgresFacts> {
  const askedAt = Date.now();
  const [row] = await selectFacts(db);
  const answeredAt = Date.now();
  if (row === undefined) throw unexpected('Postgres returned no settings.');
  const { nowMs, ...facts } = row;
  return { ...facts, clockAheadMs: nowMs - (askedAt + answeredAt) / 2 };
}

/** A snapshot that keeps Postgres from removing rows that were deleted or replaced since. */
export interface OldSnapshot {
  /** `session 4711 (pg_dump)`, `prepared transaction x`, `replication slot y`. */
  holder: string;
  /** Its age in seconds; null if Postgres knows only its transaction number, as for a slot. */
  seconds: number | null;
  /** How many transactions began since. */
  transactions: number;
}

// A role without pg_read_all_stats sees no details of sessions of other roles.
const findHolders = statement<OldSnapshot>(
  'old_snapshots',
  `select holder, seconds::float8, transactions::float8
     from (
       select format('session %s (%s)', pid, coalesce(nullif(application_name, ''), usename::text, backend_type)) as holder,
              extract(epoch from now() - xact_start) as seconds,
              age(coalesce(backend_xmin, backend_xid)) as transactions
         from pg_stat_activity
        where (backend_xmin is not null or backend_xid is not null)
          and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'
       union all
       select format('prepared transaction %s', gid), extract(epoch from now() - prepared), age(transaction)
         from pg_prepared_xacts
       union all
       select format('replication slot %s', slot_name), null, age(xmin)
         from pg_replication_slots where xmin is not null
     ) s`,
);

export type OldestSnapshots = Awaited<ReturnType<typeof oldestSnapshots>>;

/** The oldest snapshots of sessions, prepared transactions and replication slots. */
export async function oldestSnapshots(db: Queryable) {
  const found = await findHolders(db);
  const most = (read: (one: OldSnapshot) => number) =>
    found.toSorted((a, b) => read(b) - read(a))[0] ?? null;
  return {
    /** The oldest snapshot whose age is known. */
    inTime: most(({ seconds }) => seconds ?? -1),
    /** The snapshot with the most transactions since. */
    inTransactions: most(({ transactions }) => transactions),
  };
}
