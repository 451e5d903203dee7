import { createPool, type Database, type PoolOptions, type Queryable } from '@contour/store';
import pg from 'pg';

export type PoolClient = pg.PoolClient & Queryable;

/** A pool over which tests send their own SQL, and which the store takes as a database. */
export interface Pool extends Database, Pick<pg.Pool, 'query' | 'on' | 'totalCount'> {
  connect(): Promise<PoolClient>;
}

/** A pool as the store opens it, for tests that also send their own SQL over it. */
export const openAsStore = (options: PoolOptions): Pool => createPool(options) as Database as Pool;

/** Tests know the connections that look in from outside by this name. */
const OUTSIDE = 'contour-test';

/** A pool for looking in from outside. Many tests break its connections, so their errors are ignored. */
export function openPool(url: string, max = 4): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: OUTSIDE,
    max,
    // A server takes its time on a machine that many tests keep busy.
    connectionTimeoutMillis: 30_000,
    statement_timeout: 60_000,
    query_timeout: 62_000,
    idle_in_transaction_session_timeout: 5_000,
    keepAlive: true,
  });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool as unknown as Pool;
}

export async function usePool<T>(url: string, use: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = openPool(url, 1);
  try {
    return await use(pool);
  } finally {
    await pool.end();
  }
}

/** Cuts off all connections except those of `openPool`. Returns how many. */
export async function terminateBackends(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name <> $1`,
    [OUTSIDE],
  );
  return rowCount ?? 0;
}
