import type { Job } from 'bullmq';

/** A job as it was found. Any program may have added it. */
export interface IncomingJob {
  id: string;
  name: string;
  /** A TooLong in place of data that are too long to be read. */
  data: unknown;
  timestampMs: number;
  /** How often the job was started, this time included. */
  started: number;
  /** How often the job failed for a reason of its own. An absent server does not count. */
  failures: number;
}

/** More than any message becomes as a job, and little enough for the smallest worker. */
export const MAX_JOB_LENGTH = 4 * 1024 * 1024;

/**
 * Replaces the data of a job, or the message of a stream entry, that might take all memory: a worker that read it would
 * die, and so would the next one. The length is in characters for a job, in bytes for an entry.
 */
export class TooLong {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  toString(): string {
    return `(${this.length} characters)`;
  }
}

/** Longer than clocks differ. */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

/** A time in milliseconds that another program wrote, or the present if that is impossible. */
export function plausibleTime(ms: number): number {
  const now = Date.now();
  return ms >= 0 && ms < now + MAX_AHEAD_MS ? ms : now;
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
