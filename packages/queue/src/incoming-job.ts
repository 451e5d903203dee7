import type { Job } from 'bullmq';
import { plausibleTime } from './plausible-time.ts';

/** A job as it was found, whoever put it there. */
export interface IncomingJob {
  id: string;
  name: string;
  /** A TooLong in place of more than can be read. */
  data: unknown;
  timestampMs: number;
  /** How often it was started, this time included. */
  started: number;
  /** How often the job failed for a reason of its own. An absent server does not count. */
  failures: number;
}

/** A worker keeps the count in the job's progress, which has no other use here. */
export function failuresIn(progress: unknown): number {
  const count = (progress as { failures?: unknown } | null)?.failures;
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

export function incomingJobOf(job: Job): IncomingJob {
  return {
    id: job.id ?? '',
    name: job.name,
    data: job.data,
    timestampMs: plausibleTime(job.timestamp),
    started: job.attemptsStarted,
    failures: failuresIn(job.progress),
  };
}
