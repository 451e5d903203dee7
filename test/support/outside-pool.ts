import { createPool, type Database, type PoolOptions, type Queryable } from '@contour/store';
import pg from 'pg';

export type PoolClient = pg.PoolClient & Queryable;

/** A pool over which tests send their own SQL, and which the store takes as a database. */
export interface Pool extends Database, Pick<pg.Pool, 'query' | 'on' | 'totalCount'> {
  connect(): Promise<PoolClient>;
}

/** A pool as the store opens it, for tests that also send their own SQL over it. */
export const openAsStore = (options: PoolOptions): Pool => createPool(options) as Database as Pool;

/** The application name of the tests' own connections. */
const OUTSIDE = 'contour-test';

/** A pool for the tests' own queries. Errors of its connections are part of many tests. */
export function openPool(url: string, max = 4): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: OUTSIDE,
    max,
    // On a machine that is busy with other tests a server answers late.
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

/** Terminates all connections except the tests' own, and returns their number. */
export async function terminateBackends(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name <> $1`,
    [OUTSIDE],
  );
  return rowCount ?? 0;
}

/** The URL of another database of the same server. */
export function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
