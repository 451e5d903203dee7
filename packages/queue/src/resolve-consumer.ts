import { AppError } from '@contour/contract';
import { DelayedError, type Job } from 'bullmq';
import type { OnError } from './connection.ts';
import { type Consumer, createConsumer } from './consumer.ts';
import { failuresIn, type IncomingJob, incomingJobOf } from './incoming-job.ts';
import { restAfter } from './rest-after.ts';

/** A job that has thrown so often is given up. */
const MAX_THROWS = 20;

export type JobEnd =
  | 'done'
  /** `failures` is what the job is to remember, where it has changed. */
  | { retryInMs: number; failures?: number };

export type HandleJob = (job: IncomingJob, signal: AbortSignal) => Promise<JobEnd>;

interface ResolveConsumerOptions {
  redisUrl: string;
  concurrency: number;
  onError: OnError;
  /** What has to stand in Redis in place of a job's data, for as long as the job is there. */
  seal: (job: IncomingJob) => unknown;
  handle: HandleJob;
  /** Parks a job that was thrown at again and again. */
  giveUp: (job: IncomingJob, error: Error) => Promise<void>;
  /** What stands in place of data that can be neither sealed nor parked: it may hold a credential. */
  unsealed: () => unknown;
}

/** A throw is a retry after a rest, whatever its producer says about attempts; after many the job is given up. */
export function createResolveConsumer(o: ResolveConsumerOptions): Consumer {
  async function giveUp(job: Job, error: Error): Promise<'done' | { retryInMs: number }> {
    try {
      await o.giveUp(incomingJobOf(job), error);
      return 'done';
    } catch (reason) {
      o.onError(reason as Error);
      // A dead-letter queue that is away, or full, will take it later.
      if (!(reason instanceof AppError)) await job.updateData(o.unsealed()).catch(o.onError);
      return { retryInMs: restAfter(MAX_THROWS) };
    }
  }

  async function outcomeOf(job: Job, signal: AbortSignal): Promise<JobEnd> {
    try {
      const incoming = incomingJobOf(job);
      const sealed = o.seal(incoming);
      if (sealed !== undefined) await job.updateData(sealed);
      return await o.handle(incoming, signal);
    } catch (error) {
      o.onError(error as Error);
      const failures = failuresIn(job.progress) + 1;
      if (failures >= MAX_THROWS) return giveUp(job, error as Error);
      return { retryInMs: restAfter(failures), failures };
    }
  }

  return createConsumer({
    ...o,
    queue: 'resolve',
    process: async (job, token, signal) => {
      const outcome = await outcomeOf(job, signal as AbortSignal);
      if (outcome === 'done') return;
      const { retryInMs, failures } = outcome;
      // A count that is lost costs one more try.
      if (failures !== undefined) await job.updateProgress({ failures }).catch(o.onError);
      await job.moveToDelayed(Date.now() + retryInMs, token);
      throw new DelayedError();
    },
  });
}
