import { type Queryable, statement } from '../statement.ts';

/** A snapshot that keeps Postgres from removing rows that were deleted or replaced since. */
export interface OldSnapshot {
  /** `session 4711 (pg_dump)`, `prepared transaction x`, `replication slot y`. */
  holder: string;
  /** Its age in seconds; null if Postgres knows only its transaction number, as for a slot. */
  seconds: number | null;
  /** How many transactions began since. */
  transactions: number;
}

interface SnapshotRow {
  holder: string;
  seconds: number | null;
  transactions: number;
}

// A role without pg_read_all_stats sees no details of sessions of other roles.
const findHolders = statement<SnapshotRow>(
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

export interface OldestSnapshots {
  /** The oldest snapshot whose age is known. */
  inTime: OldSnapshot | null;
  /** The snapshot with the most transactions since. */
  inTransactions: OldSnapshot | null;
}

/** The oldest snapshots of sessions, prepared transactions and replication slots. */
export async function oldestSnapshots(db: Queryable): Promise<OldestSnapshots> {
  const found = await findHolders(db);
  const most = (read: (one: OldSnapshot) => number) =>
    found.toSorted((a, b) => read(b) - read(a))[0] ?? null;
  return {
    inTime: most(({ seconds }) => seconds ?? -1),
    inTransactions: most(({ transactions }) => transactions),
  };
}
