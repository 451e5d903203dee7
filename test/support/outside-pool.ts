import { createPool, type Pool } from '@contour/store';

/** The application name of the tests' own connections. */
const OUTSIDE = 'contour-test';

/** A pool for the tests' own queries. Errors of its connections are part of many tests. */
export function openPool(url: string, max = 4): Pool {
  return createPool({
    url,
    applicationName: OUTSIDE,
    max,
    statementTimeoutMs: 60_000,
    // On a machine that is busy with other tests a server answers late.
    connectTimeoutMs: 30_000,
    onError: () => undefined,
  });
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
