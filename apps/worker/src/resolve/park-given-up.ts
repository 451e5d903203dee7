import type { IncomingJob } from '@contour/queue';
import type { Dlq } from '../dlq/create-dlq.ts';
import { readJob } from './read-job.ts';
import { unreadableLetter } from './unreadable-letter.ts';
import { unresolvedLetter } from './unresolved-letter.ts';

/** Parks a job that BullMQ gave up on, because every worker that took it died: perhaps of it. */
export async function parkGivenUp(
  dlq: Pick<Dlq, 'park'>,
  job: IncomingJob & { failedReason: string },
): Promise<void> {
  const reading = readJob(job.data, new Date(job.timestampMs));
  await dlq.park(
    reading.ok
      ? unresolvedLetter(reading.message, { kind: 'stalled' }, job.started, job.failedReason)
      : unreadableLetter({ ...job, data: reading.data }, reading.faults),
  );
}
