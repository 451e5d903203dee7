import type { TailPublisher } from '@contour/queue';
import type { AddJob } from './add-jobs.ts';

/** Counts what is taken in, by account: whose it is is for a worker to find out. */
export function tailAddJob(addJob: AddJob, tail: Pick<TailPublisher, 'count'>): AddJob {
  return async (job) => {
    await addJob(job);
    tail.count(`${job.message.channel}:${job.message.fingerprint}`, 'accepted');
  };
}
