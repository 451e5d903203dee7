import type { Reply } from '@contour/contract';
import { collectGivenUp, type HandleGivenUp } from './jobs/given-up.ts';
import { isWorkWaiting, openQueue, readQueueFacts } from './jobs/queues.ts';
import { createResolveJobs } from './jobs/resolve-jobs.ts';
import { createWakeUps } from './jobs/wake-ups.ts';
import { readBacklog } from './limits/backlog.ts';
import { countLiveWorkers } from './presence/presence.ts';
import { connectFailFast, type RedisAccess } from './redis/connect.ts';
import { readRedisFacts } from './redis/redis-facts.ts';
import { publishReplies } from './replies.ts';
import { readStreamFacts } from './streams/entries.ts';

export type Producer = ReturnType<typeof createProducer>;

/**
 * A fail-fast connection and everything that a process asks of Redis on it. Every method throws
 * AppError('redis_unavailable') within 2.5 s. Redis may be away now or at any time. The producer uses it again when it is
 * back.
 */
export function createProducer(access: RedisAccess) {
  const redis = connectFailFast(access);
  const { client, ask, disconnect } = redis;
  const resolve = openQueue('resolve', client);
  const deliver = openQueue('deliver', client);
  const graph = openQueue('graph', client);

  return {
    ...createResolveJobs(redis, resolve),
    ...createWakeUps(redis, deliver, graph),
    /** Handles each resolve job that BullMQ gave up, then removes it. Returns their number. */
    collectGivenUp: (handle: HandleGivenUp) => collectGivenUp(redis, resolve, handle),
    /** Returns the number of listeners by channel. 0 means that no process waits there any more. */
    publishReplies: (replies: ReadonlyArray<{ to: string; reply: Reply }>) =>
      ask(() => publishReplies(client, replies)),
    ping: () =>
      ask(async () => {
        await client.ping();
      }),
    backlog: () => ask(() => readBacklog(client, resolve)),
    isWorkWaiting: () => ask(() => isWorkWaiting(client)),
    liveWorkers: () => ask(() => countLiveWorkers(client)),
    queueFacts: () => ask(() => readQueueFacts(client)),
    streamFacts: (shardCount: number) => ask(() => readStreamFacts(client, shardCount)),
    redisFacts: () => ask(() => readRedisFacts(client)),
    close: async () => {
      await Promise.allSettled([resolve.close(), deliver.close(), graph.close()]);
      disconnect();
    },
  };
}
