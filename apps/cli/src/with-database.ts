import { AppError } from '@contour/contract';
import { createPool, type Pool } from '@contour/store';

/** Lends a pool for one piece of work; its failure says in one line which server it was about. */
export async function withDatabase<T>(url: string, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = createPool({ url, applicationName: 'contour-cli', max: 2, onError: () => {} });
  try {
    return await work(pool);
  } catch (cause) {
    // Somebody else's trouble, which names itself.
    if (cause instanceof AppError && cause.code !== 'postgres_unavailable') throw cause;
    const { hostname, port, pathname } = new URL(url);
    const where = `${hostname}:${port || 5432}${pathname}`;
    throw new Error(`Postgres at ${where}: ${reasonOf(cause)}`, { cause });
  } finally {
    await pool.end();
  }
}

// A refused connection to a name with several addresses comes as an AggregateError without a text.
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
