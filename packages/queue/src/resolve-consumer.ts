import { DelayedError, type Job } from 'bullmq';
import type { OnError } from './connection.ts';
import { type Consumer, createConsumer } from './consumer.ts';
import { type IncomingJob, incomingJobOf } from './incoming-job.ts';

const RETRY_AFTER_THROW_MS = 1000;

export type HandleJob = (
  job: IncomingJob,
  signal: AbortSignal,
) => Promise<'done' | { retryInMs: number }>;

interface ResolveConsumerOptions {
  redisUrl: string;
  concurrency: number;
  onError: OnError;
  /** What has to stand in Redis in place of a job's data, for as long as the job is there. */
  seal: (job: IncomingJob) => unknown;
  handle: HandleJob;
}

/** A throw is a retry in a second: whatever its producer says about attempts, no job is given up here. */
export function createResolveConsumer(o: ResolveConsumerOptions): Consumer {
  async function outcomeOf(job: Job, signal: AbortSignal) {
    try {
      const incoming = incomingJobOf(job);
      const sealed = o.seal(incoming);
      if (sealed !== undefined) await job.updateData(sealed);
      return await o.handle(incoming, signal);
    } catch (error) {
      o.onError(error as Error);
      return { retryInMs: RETRY_AFTER_THROW_MS };
    }
  }

  return createConsumer({
    ...o,
    queue: 'resolve',
    process: async (job, token, signal) => {
      const outcome = await outcomeOf(job, signal as AbortSignal);
      if (outcome === 'done') return;
      await job.moveToDelayed(Date.now() + outcome.retryInMs, token);
      throw new DelayedError();
    },
  });
}
