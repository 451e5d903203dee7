import type { Queue } from 'bullmq';
import { connectFailFast, type OnError } from './connection.ts';
import { openQueue, QUEUE_NAMES } from './open-queue.ts';

/** The queues as Bull Board wants them, on a connection of their own. */
export function boardQueues(o: { redisUrl: string; onError: OnError }): {
  queues: Queue[];
  close(): Promise<void>;
} {
  const { client, disconnect } = connectFailFast(o.redisUrl, o.onError);
  const queues = QUEUE_NAMES.map((name) => openQueue(name, client));
  return {
    queues,
    close: async () => {
      await Promise.allSettled(queues.map((queue) => queue.close()));
      disconnect();
    },
  };
}
