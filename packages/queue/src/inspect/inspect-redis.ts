import { AppError } from '@contour/contract';
import type { Redis } from 'ioredis';
import { queueKeys, readQueueFacts } from '../jobs/queues.ts';
import { readBacklog } from '../limits/backlog.ts';
import { countLiveWorkers, redisTimeMs } from '../presence/presence.ts';
import { connectFailFast, type RedisAccess } from '../redis/connect.ts';
import { readRedisFacts } from '../redis/redis-facts.ts';
import { GROUP, streamKey } from '../streams/entries.ts';

/** How far Redis's clock is ahead of this machine's, as exactly as one round trip can say. */
async function clockAheadMs(client: Redis): Promise<number> {
  const askedAt = Date.now();
  const redisMs = await redisTimeMs(client);
  return redisMs - (askedAt + Date.now()) / 2;
}

/** When the append-only file is synced to disk; undefined where Redis refuses CONFIG, as hosted servers often do. */
const readAppendfsync = (client: Redis): Promise<string | undefined> =>
  client.config('GET', 'appendfsync').then(
    (pair) => (pair as string[])[1],
    () => undefined,
  );

export type RedisReport = Awaited<ReturnType<typeof inspectRedis>>;

/** Reads everything that matters in Redis. Writes nothing; fails with an AppError within 2.5 s. */
export async function inspectRedis(redisUrl: string) {
  let first: Error | undefined;
  const onError = (error: Error) => {
    first ??= error;
  };
  const { client, ask, disconnect } = connectFailFast({ redisUrl, onError });
  try {
    return await ask(async () => ({
      clockAheadMs: await clockAheadMs(client),
      facts: await readRedisFacts(client),
      appendfsync: await readAppendfsync(client),
      backlog: await readBacklog(client, queueKeys('resolve')),
      queues: await readQueueFacts(client),
      liveWorkers: await countLiveWorkers(client),
    }));
  } catch (error) {
    // The connection's first error explains more than the failed command.
    throw first === undefined
      ? error
      : new AppError('redis_unavailable', 'Redis cannot be reached', first);
  } finally {
    disconnect();
  }
}

/** A stream entry that was delivered to a worker and has not ended. */
export type ForgottenEntry = Awaited<ReturnType<QueueAudit['forgottenEntries']>>[number];

const MOST = 1_000;

type Pending = Array<[id: string, consumer: string, idleMs: number, deliveries: number]>;

/** The answer, or `none` for a stream that does not exist or was never read. */
const orNone = <T>(answer: Promise<T>, none: T): Promise<T> =>
  answer.catch((error: Error) => {
    if (/NOGROUP/.test(error.message)) return none;
    throw error;
  });

export type QueueAudit = ReturnType<typeof openQueueAudit>;

/** What an audit reads of Redis besides the dead-letter queue. Writes nothing. */
export function openQueueAudit(redis: RedisAccess) {
  const { client, ask, disconnect } = connectFailFast(redis);
  return {
    liveWorkers: () => ask(() => countLiveWorkers(client)),
    /** How many entries of a shard were delivered and have not ended. */
    pendingEntries: (shard: number) =>
      ask(async () => {
        const [count] = await orNone(client.xpending(streamKey(shard), GROUP), [0]);
        return Number(count);
      }),
    /** Pending entries that were not delivered again for this long, at most 1 000. */
    forgottenEntries: (shard: number, idleSeconds: number) =>
      ask(async () => {
        const idleMs = idleSeconds * 1000;
        const found = await orNone(
          client.xpending(streamKey(shard), GROUP, 'IDLE', idleMs, '-', '+', MOST),
          [],
        );
        return (found as Pending).map(([id, , idle, deliveries]) => ({
          ...{ shard, id, deliveries },
          idleSeconds: Math.round(idle / 1000),
        }));
      }),
    close: async () => disconnect(),
  };
}
