import { AppError } from '@contour/contract';
import { QueueKeys } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Backlog, readBacklog } from './backlog.ts';
import { connectFailFast } from './connection.ts';
import { countLiveWorkers } from './presence.ts';
import { type QueueFacts, readQueueFacts } from './queue-facts.ts';
import { type RedisFacts, readRedisFacts } from './redis-facts.ts';

export interface RedisReport {
  facts: RedisFacts;
  /** When the append-only file is written out; undefined where Redis does not let itself be asked. */
  appendfsync: string | undefined;
  backlog: Backlog;
  queues: QueueFacts[];
  liveWorkers: number;
  /** How far its clock is ahead of this machine's, as exactly as one round trip tells. */
  clockAheadMs: number;
}

async function clockAheadMs(client: Redis): Promise<number> {
  const askedAt = Date.now();
  const [seconds = 0, microseconds = 0] = await client.time();
  return Number(seconds) * 1000 + Number(microseconds) / 1000 - (askedAt + Date.now()) / 2;
}

/** Servers for hire often refuse CONFIG. */
const readAppendfsync = (client: Redis): Promise<string | undefined> =>
  client.config('GET', 'appendfsync').then(
    (pair) => (pair as string[])[1],
    () => undefined,
  );

/** One look at everything that matters in Redis, which writes nothing; AppError within 2.5 s. */
export async function inspectRedis(redisUrl: string): Promise<RedisReport> {
  let first: Error | undefined;
  const { client, ask, disconnect } = connectFailFast(redisUrl, (error) => {
    first ??= error;
  });
  const queue = { toKey: (type: string) => new QueueKeys('bull').toKey('resolve', type) };
  try {
    return await ask(async () => ({
      clockAheadMs: await clockAheadMs(client),
      facts: await readRedisFacts(client),
      appendfsync: await readAppendfsync(client),
      backlog: await readBacklog(client, queue),
      queues: await readQueueFacts(client),
      liveWorkers: await countLiveWorkers(client),
    }));
  } catch (error) {
    // What the connection met says more than what then became of the question.
    throw first === undefined
      ? error
      : new AppError('redis_unavailable', 'Redis cannot be reached', first);
  } finally {
    disconnect();
  }
}
