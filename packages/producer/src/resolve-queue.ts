import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';

export interface ResolveJob {
  /** The same when it is sent again: BullMQ then keeps one. */
  jobId: string;
  json: string;
}

export interface ResolveQueue {
  send(jobs: ResolveJob[]): Promise<string[]>;
  close(): Promise<void>;
}

/**
 * The queue that the workers resolve from. Waiting for readiness is skipped because BullMQ would do
 * it once: a first attempt that fails would leave the queue broken for as long as the process lives.
 */
export function openResolveQueue(connection: Redis): ResolveQueue {
  const queue = new Queue('resolve', {
    connection,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    skipMetasUpdate: true,
    // What failed is kept: the workers collect it.
    defaultJobOptions: { removeOnComplete: true },
  });
  // These are the connection's errors once more, and the connection reports them itself.
  queue.on('error', () => undefined);

  return {
    send: async (jobs) => {
      await queue.addBulk(
        jobs.map(({ jobId, json }) => ({
          name: 'resolve',
          data: JSON.parse(json),
          opts: { jobId },
        })),
      );
      return jobs.map(({ jobId }) => jobId);
    },
    close: () => queue.close(),
  };
}
