import { type IncomingMessage, type ResolveJob, uuidv7 } from '@contour/contract';
import { Queue } from 'bullmq';

/** The queue of the workers. */
export interface JobQueue {
  /** Adds jobs to the paused queue. */
  fill(messages: readonly IncomingMessage[]): Promise<void>;
  /** Resumes the queue. */
  release(): Promise<void>;
  /** Pauses the queue. */
  hold(): Promise<void>;
  /** Removes the waiting jobs. */
  forget(): Promise<void>;
  /** How many have not ended. */
  left(): Promise<number>;
  /** How many are active. */
  inHand(): Promise<number>;
  close(): Promise<void>;
}

const AT_ONCE = 1_000;

export async function openJobQueue(redisUrl: string): Promise<JobQueue> {
  const queue = new Queue('resolve', { connection: { url: redisUrl } });
  return {
    async fill(messages) {
      await queue.pause();
      for (let at = 0; at < messages.length; at += AT_ONCE) {
        await queue.addBulk(
          messages.slice(at, at + AT_ONCE).map((message) => ({
            name: 'resolve',
            data: { v: 1, message } satisfies ResolveJob,
            opts: { jobId: uuidv7() },
          })),
        );
      }
    },
    release: () => queue.resume(),
    hold: () => queue.pause(),
    forget: () => queue.drain(),
    left: async () =>
      Object.values(await queue.getJobCounts('wait', 'active', 'delayed', 'failed')).reduce(
        (sum, count) => sum + count,
        0,
      ),
    inHand: () => queue.getActiveCount(),
    close: () => queue.close(),
  };
}
