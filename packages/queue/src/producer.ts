import type { Reply } from '@contour/contract';
import { collectGivenUp, type HandleGivenUp } from './jobs/given-up.ts';
import { isWorkWaiting, openQueue, type QueueFacts, readQueueFacts } from './jobs/queues.ts';
import { createResolveJobs } from './jobs/resolve-jobs.ts';
import { createWakeUps, type WakeUps } from './jobs/wake-ups.ts';
import { type Backlog, readBacklog } from './limits/backlog.ts';
import { countLiveWorkers } from './presence/presence.ts';
import { connectFailFast, type OnError } from './redis/connect.ts';
import { type RedisFacts, readRedisFacts } from './redis/redis-facts.ts';
import { publishReplies } from './replies.ts';
import { readStreamFacts, type StreamFacts } from './streams/stream-facts.ts';

/** What a process reads of Redis to decide and to measure. */
interface Facts {
  ping(): Promise<void>;
  backlog(): Promise<Backlog>;
  isWorkWaiting(): Promise<boolean>;
  liveWorkers(): Promise<number>;
  queueFacts(): Promise<QueueFacts[]>;
  streamFacts(shardCount: number): Promise<StreamFacts[]>;
  redisFacts(): Promise<RedisFacts>;
}

/**
 * A fail-fast connection and everything that a process asks of Redis on it. Every method throws
 * AppError('redis_unavailable') within 2.5 s.
 */
export interface Producer extends ReturnType<typeof createResolveJobs>, WakeUps, Facts {
  /** Returns the number of listeners by channel. 0 means that no process waits there any more. */
  publishReplies(
    replies: ReadonlyArray<{ to: string; reply: Reply }>,
  ): Promise<Map<string, number>>;
  /** Handles each resolve job that BullMQ gave up, then removes it. Returns their number. */
  collectGivenUp(handle: HandleGivenUp): Promise<number>;
  close(): Promise<void>;
}

/** Redis may be away now or at any time. The producer uses it again when it is back. */
export function createProducer(o: { redisUrl: string; onError: OnError }): Producer {
  const redis = connectFailFast(o.redisUrl, o.onError);
  const { client, ask, disconnect } = redis;
  const resolve = openQueue('resolve', client);
  const deliver = openQueue('deliver', client);
  const graph = openQueue('graph', client);

  return {
    ...createResolveJobs(redis, resolve),
    ...createWakeUps(redis, { deliver, graph }),
    collectGivenUp: (handle) => collectGivenUp({ queue: resolve, client, ask }, handle),
    publishReplies: (replies) => ask(() => publishReplies(client, replies)),
    ping: () =>
      ask(async () => {
        await client.ping();
      }),
    backlog: () => ask(() => readBacklog(client, resolve)),
    isWorkWaiting: () => ask(() => isWorkWaiting(client)),
    liveWorkers: () => ask(() => countLiveWorkers(client)),
    queueFacts: () => ask(() => readQueueFacts(client)),
    streamFacts: (shardCount) => ask(() => readStreamFacts(client, shardCount)),
    redisFacts: () => ask(() => readRedisFacts(client)),
    close: async () => {
      await Promise.allSettled([resolve.close(), deliver.close(), graph.close()]);
      disconnect();
    },
  };
}
