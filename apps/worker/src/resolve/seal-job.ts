import { mayHoldCredential, unreadableBody } from '@contour/contract';
import { isOurs, readJob } from './read-job.ts';

/**
 * What has to stand in Redis in place of a job's data: a producer may have put a credential there, and
 * a job may be looked at, tried again, or kept. Undefined where nothing has to be replaced.
 */
export function sealJob(data: unknown, addedAt: Date): unknown {
  if (isOurs(data) || !mayHoldCredential(data)) return undefined;
  const reading = readJob(data, addedAt);
  if (reading.ok) return { v: 1, message: reading.message };
  return { v: 1, unreadable: unreadableBody(data), faults: reading.faults };
}

/** Replaces data that could not be handled. It tells the code that parks the job later why the data is missing. */
export const replacedData = () => ({
  v: 1,
  unreadable: null,
  faults: [
    {
      path: '',
      message: 'could not be handled, and was removed because it may contain a credential',
    },
  ],
});
