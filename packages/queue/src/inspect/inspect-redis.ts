import { AppError } from '@contour/contract';
import type { Redis } from 'ioredis';
import { type QueueFacts, queueKeys, readQueueFacts } from '../jobs/queues.ts';
import { type Backlog, readBacklog } from '../limits/backlog.ts';
import { countLiveWorkers } from '../presence/presence.ts';
import { connectFailFast } from '../redis/connect.ts';
import { type RedisFacts, readRedisFacts } from '../redis/redis-facts.ts';

export interface RedisReport {
  facts: RedisFacts;
  /** When the append-only file is synced to disk; undefined where Redis refuses CONFIG. */
  appendfsync: string | undefined;
  backlog: Backlog;
  queues: QueueFacts[];
  liveWorkers: number;
  /** How far Redis's clock is ahead of this machine's, as exactly as one round trip can say. */
  clockAheadMs: number;
}

async function clockAheadMs(client: Redis): Promise<number> {
  const askedAt = Date.now();
  const [seconds = 0, microseconds = 0] = await client.time();
  return Number(seconds) * 1000 + Number(microseconds) / 1000 - (askedAt + Date.now()) / 2;
}

/** Hosted servers often refuse CONFIG. */
const readAppendfsync = (client: Redis): Promise<string | undefined> =>
  client.config('GET', 'appendfsync').then(
    (pair) => (pair as string[])[1],
    () => undefined,
  );

/** Reads everything that matters in Redis. Writes nothing; fails with an AppError within 2.5 s. */
export async function inspectRedis(redisUrl: string): Promise<RedisReport> {
  let first: Error | undefined;
  const { client, ask, disconnect } = connectFailFast(redisUrl, (error) => {
    first ??= error;
  });
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
