import type { Queue } from 'bullmq';
import type { FailFastRedis } from './connection.ts';
import { type IncomingJob, incomingJobOf } from './incoming-job.ts';

export type HandleGivenUp = (job: IncomingJob & { failedReason: string }) => Promise<void>;

const AT_ONCE = 100;

/**
 * Empties the failed jobs, oldest first. A job is removed after `handle` is through with it, so
 * being killed midway repeats and never loses; two processes may well be handed the same job.
 */
export async function collectGivenUp(
  { queue, ask }: { queue: Queue; ask: FailFastRedis['ask'] },
  handle: HandleGivenUp,
): Promise<number> {
  const jobs = await ask(() => queue.getJobs(['failed'], 0, AT_ONCE - 1, true));
  for (const job of jobs) {
    await handle({ ...incomingJobOf(job), failedReason: job.failedReason ?? 'unknown' });
    await ask(() => job.remove());
  }
  return jobs.length;
}
