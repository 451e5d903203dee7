import { AppError } from '@contour/contract';
import { createPool, type Pool, type PoolOptions } from '@contour/store';
import { NotThere, UsageError } from './cli.ts';
import { reasonOf } from './reason-of.ts';

/** Lends a pool for one piece of work; its failure says in one line which server it was about. */
export async function withDatabase<T>(
  url: string,
  work: (pool: Pool) => Promise<T>,
  limits: Pick<PoolOptions, 'statementTimeoutMs'> = {},
): Promise<T> {
  const options = { url, applicationName: 'contour-cli', max: 2, onError: () => {} };
  const pool = createPool({ ...options, ...limits });
  try {
    return await work(pool);
  } catch (cause) {
    if (cause instanceof UsageError || cause instanceof NotThere) throw cause;
    // Somebody else's trouble, which names itself.
    if (cause instanceof AppError && cause.code !== 'postgres_unavailable') throw cause;
    const { hostname, port, pathname } = new URL(url);
    const where = `${hostname}:${port || 5432}${pathname}`;
    throw new Error(`Postgres at ${where}: ${reasonOf(cause)}`, { cause });
  } finally {
    await pool.end();
  }
}
