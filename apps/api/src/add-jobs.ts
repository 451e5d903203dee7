import { AppError, type ResolveJob } from '@contour/contract';
import { createBatcher, TimeoutError, within } from '@contour/runtime';

// Longer than the producer's own bound, so that its error, which knows the cause, comes first; a
// request that had to gather behind two hanging batches is refused all the same.
const ADD_WITHIN_MS = 2_600;

interface Waiting {
  job: ResolveJob;
  givenUp: boolean;
}

export type AddJob = (job: ResolveJob) => Promise<void>;

/** Adds jobs many at a time while others are on their way; one alone waits for nothing. */
export function createAddJob(addAll: (jobs: ResolveJob[]) => Promise<void>): AddJob {
  const batcher = createBatcher<Waiting, void>({
    maxInFlight: 2,
    maxSize: 100,
    async run(batch) {
      // Its sender has been told that nothing was accepted: better to make that true.
      const jobs = batch.filter(({ givenUp }) => !givenUp).map(({ job }) => job);
      if (jobs.length > 0) await addAll(jobs);
      return batch.map(() => undefined);
    },
  });
  return async (job) => {
    const waiting: Waiting = { job, givenUp: false };
    try {
      await within(ADD_WITHIN_MS, batcher.push(waiting), 'redis');
    } catch (error) {
      waiting.givenUp = true;
      if (!(error instanceof TimeoutError)) throw error;
      throw new AppError('redis_unavailable', 'Redis did not take the message in time', error);
    }
  };
}
