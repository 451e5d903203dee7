import type { Job } from 'bullmq';

/** A job as it was found, whoever put it there. */
export interface IncomingJob {
  id: string;
  name: string;
  /** A TooLong in place of more than can be read. */
  data: unknown;
  timestampMs: number;
  /** How often it was started, this time included. */
  started: number;
}

export function incomingJobOf(job: Job): IncomingJob {
  return {
    id: job.id ?? '',
    name: job.name,
    data: job.data,
    timestampMs: job.timestamp,
    started: job.attemptsStarted,
  };
}
