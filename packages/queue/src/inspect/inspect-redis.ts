import { AppError } from '@contour/contract';
import type { Redis } from 'ioredis';
import { type QueueFacts, queueKeys, readQueueFacts } from '../jobs/queues.ts';
import { type Backlog, readBacklog } from '../limits/backlog.ts';
import { countLiveWorkers } from '../presence/presence.ts';
import { connectFailFast, type OnError } from '../redis/connect.ts';
import { type RedisFacts, readRedisFacts } from '../redis/redis-facts.ts';
import { GROUP, streamKey } from '../streams/entries.ts';

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

/** A stream entry that was delivered to a worker and has not ended. */
export interface ForgottenEntry {
  shard: number;
  id: string;
  idleSeconds: number;
  deliveries: number;
}

const MOST = 1_000;

type Pending = Array<[id: string, consumer: string, idleMs: number, deliveries: number]>;

/** The answer, or `none` for a stream that does not exist or was never read. */
async function orNone<T>(answer: Promise<T>, none: T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && /NOGROUP/.test(error.message)) return none;
    throw error;
  }
}

export type QueueAudit = ReturnType<typeof openQueueAudit>;

/** What an audit reads of Redis besides the dead-letter queue. Writes nothing. */
export function openQueueAudit(o: { redisUrl: string; onError: OnError }) {
  const { client, ask, disconnect } = connectFailFast(o.redisUrl, o.onError);
  return {
    liveWorkers: () => ask(() => countLiveWorkers(client)),
    /** How many entries of a shard were delivered and have not ended. */
    pendingEntries: (shard: number) =>
      ask(async () => {
        const [count] = await orNone(client.xpending(streamKey(shard), GROUP), [0]);
        return Number(count);
      }),
    /** Pending entries that were not delivered again for this long, at most 1 000. */
    forgottenEntries: (shard: number, idleSeconds: number): Promise<ForgottenEntry[]> =>
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
