import { AppError } from '@contour/contract';
import type { RedisAccess } from '@contour/queue/redis';
import { readEnv } from '@contour/runtime';
import { createPool, type Database, type PoolOptions } from '@contour/store/database';
import { NotThere, UsageError } from './cli.ts';
import { databaseEnv } from './env.ts';

/** An error whose message names the server. */
class ServerError extends Error {
  override readonly name = 'ServerError';
}

/** An error's message. A refused connection to several addresses is an AggregateError without one. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  const message = error instanceof Error ? error.message : String(error ?? '');
  return message || 'cannot be reached';
}

type Limits = Pick<PoolOptions, 'statementTimeoutMs'>;

/** Opens a pool for one piece of work. An error of Postgres names the server, in one line. */
export async function withDatabase<T>(
  url: string,
  work: (pool: Database) => Promise<T>,
  limits: Limits = {},
): Promise<T> {
  const options = { url, applicationName: 'contour-cli', max: 2, onError: () => {} };
  const pool = createPool({ ...options, ...limits });
  try {
    return await work(pool);
  } catch (cause) {
    // An error of another server is not about Postgres.
    const isOther = [UsageError, NotThere, ServerError].some((kind) => cause instanceof kind);
    if (isOther) throw cause;
    if (cause instanceof AppError && cause.code !== 'postgres_unavailable') throw cause;
    const { hostname, port, pathname } = new URL(url);
    const where = `${hostname}:${port || 5432}${pathname}`;
    throw new ServerError(`Postgres at ${where}: ${reasonOf(cause)}`, { cause });
  } finally {
    await pool.end();
  }
}

/** The same for the database of an environment. */
export const inDatabase = async <T>(
  env: NodeJS.ProcessEnv,
  work: (pool: Database) => Promise<T>,
  limits?: Limits,
): Promise<T> => withDatabase(readEnv(databaseEnv, env).DATABASE_URL, work, limits);

/** Opens a client of Redis for one piece of work. An error of Redis names the server, in one line. */
export async function withRedis<R extends { close(): Promise<void> }, T>(
  url: string,
  open: (options: RedisAccess) => R,
  work: (room: R) => Promise<T>,
): Promise<T> {
  // The connection's own error says best why a command failed.
  let lastError: Error | undefined;
  const onError = (error: Error) => {
    lastError = error;
  };
  const room = open({ redisUrl: url, onError });
  try {
    return await work(room);
  } catch (cause) {
    if (!(cause instanceof AppError && cause.code === 'redis_unavailable')) throw cause;
    const { hostname, port } = new URL(url);
    const reason = lastError ?? cause.cause;
    throw new ServerError(`Redis at ${hostname}:${port || 6379}: ${reasonOf(reason)}`, { cause });
  } finally {
    await room.close();
  }
}
