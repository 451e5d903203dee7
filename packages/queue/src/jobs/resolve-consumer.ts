import { AppError } from '@contour/contract';
import { DelayedError, type Job } from 'bullmq';
import type { OnError } from '../redis/connect.ts';
import { type Consumer, createConsumer } from './consumer.ts';
import { failuresIn, type IncomingJob, incomingJobOf } from './incoming-job.ts';
import { restAfter } from './rest-after.ts';

/** After this many throws a job is given up. */
const MAX_THROWS = 20;

export type JobEnd =
  | 'done'
  /** `failures` is stored with the job, if given. */
  | { retryInMs: number; failures?: number };

export type HandleJob = (job: IncomingJob, signal: AbortSignal) => Promise<JobEnd>;

interface ResolveConsumerOptions {
  redisUrl: string;
  concurrency: number;
  onError: OnError;
  /** What replaces a job's data in Redis, because they may hold a credential; undefined to keep them. */
  seal: (job: IncomingJob) => unknown;
  handle: HandleJob;
  /** Parks a job that is given up. */
  giveUp: (job: IncomingJob, error: Error) => Promise<void>;
  /** Replaces data that can be neither sealed nor parked, because it may hold a credential. */
  unsealed: () => unknown;
}

/** Retries a job after a throw, whatever attempts its producer set. After many throws the job is given up. */
export function createResolveConsumer(o: ResolveConsumerOptions): Consumer {
  async function giveUp(job: Job, error: Error): Promise<'done' | { retryInMs: number }> {
    try {
      await o.giveUp(incomingJobOf(job), error);
      return 'done';
    } catch (reason) {
      o.onError(reason as Error);
      // With an AppError a server is away, and parking is tried again later.
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
      // A lost count costs one more try.
      if (failures !== undefined) await job.updateProgress({ failures }).catch(o.onError);
      await job.moveToDelayed(Date.now() + retryInMs, token);
      throw new DelayedError();
    },
  });
}
