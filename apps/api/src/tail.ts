import type { MessageObserver } from '@contour/contract';
import type { TailPublisher } from '@contour/queue/tail';
import type { AddJob } from './add-jobs.ts';

type IntakeObserver = Pick<MessageObserver, 'accepted'>;

/** Adds a job, then reports its message as accepted. */
export function reportAccepted(addJob: AddJob, observer: IntakeObserver): AddJob {
  return async (job) => {
    await addJob(job);
    observer.accepted(job.message);
  };
}

/** Counts accepted messages for `contour tail`, by account: a worker finds the tenant later. */
export function tailSubscriber(tail: Pick<TailPublisher, 'count' | 'isWatched'>): IntakeObserver {
  return {
    accepted({ channel, fingerprint }) {
      if (tail.isWatched()) tail.count(`${channel}:${fingerprint}`, 'accepted');
    },
  };
}
