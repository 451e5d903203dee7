import { type Job, type JobJson, Worker } from 'bullmq';
import { MAX_JOB_LENGTH, TooLong } from './too-long.ts';

const KEPT_FAILED = { count: 10_000 };
/** A wake-up that failed lacks nothing, for others follow: some are kept for whoever wonders. */
const KEPT_WAKE_UPS = { count: 50 };

/**
 * Takes whatever job a producer has made, with whatever options. One that is done is gone, and a message's
 * job that failed is kept until somebody has looked: it fails only when every worker that took it died.
 */
export class TolerantWorker<Data> extends Worker<Data> {
  /** Data that is no JSON becomes a text: a job that cannot even be made would never come to an end. */
  private readJob(json: JobJson, jobId: string): Job<Data> {
    try {
      return super.createJob(json, jobId);
    } catch {
      return super.createJob({ ...json, data: JSON.stringify(json.data) }, jobId);
    }
  }

  protected override createJob(json: JobJson, jobId: string): Job<Data> {
    const { length } = json.data ?? '';
    const isTooLong = length > MAX_JOB_LENGTH;
    const job = this.readJob(isTooLong ? { ...json, data: 'null' } : json, jobId);
    if (isTooLong) job.data = new TooLong(length) as Data;
    const removeOnFail = this.name === 'resolve' ? KEPT_FAILED : KEPT_WAKE_UPS;
    job.opts = { ...job.opts, removeOnComplete: true, removeOnFail };
    return job;
  }
}
