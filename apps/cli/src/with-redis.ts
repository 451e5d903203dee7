import { AppError } from '@contour/contract';
import type { OnError } from '@contour/queue';
import { reasonOf } from './reason-of.ts';

interface Closable {
  close(): Promise<void>;
}

/** Lends what works on Redis for one piece of work; its failure says in one line which server it was. */
export async function withRedis<R extends Closable, T>(
  url: string,
  open: (options: { redisUrl: string; onError: OnError }) => R,
  work: (room: R) => Promise<T>,
): Promise<T> {
  // What the connection itself says of an outage is the best reason there is for a failed command.
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
    throw new Error(`Redis at ${hostname}:${port || 6379}: ${reasonOf(reason)}`, { cause });
  } finally {
    await room.close();
  }
}
