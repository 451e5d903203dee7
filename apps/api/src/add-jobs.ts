import { AppError, type ResolveJob } from '@contour/contract';
import { createBatcher, TimeoutError, within } from '@contour/runtime';

// Longer than the producer's own bound, so that its error, which has the cause, comes first. A request that waits behind
// two hanging batches is refused as well.
const ADD_WITHIN_MS = 2_600;

interface Waiting {
  job: ResolveJob;
  givenUp: boolean;
}

export type AddJob = (job: ResolveJob) => Promise<void>;

/** Adds the jobs that gather while other batches are on their way. A job that comes alone does not wait. */
export function createAddJob(addAll: (jobs: ResolveJob[]) => Promise<void>): AddJob {
  const batcher = createBatcher<Waiting, void>({
    maxInFlight: 2,
    maxSize: 100,
    async run(batch) {
      // The sender of a given-up job was told that it was not accepted, so it is not added.
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
