import { type Job, type JobJson, type Processor, Worker } from 'bullmq';
import { connectPatient, type OnError, settlesWithin } from '../redis/connect.ts';
import { MAX_JOB_LENGTH, TooLong } from './incoming-job.ts';
import type { QueueName } from './queues.ts';

export interface Consumer {
  start(): void;
  /** Takes no new jobs. Those in hand go on. */
  pause(): Promise<void>;
  completed(): number;
  /** Stalled jobs, whose worker died or froze, that this consumer detected and requeued. */
  stalled(): number;
  isRunning(): boolean;
  /**
   * Drains. At the deadline it aborts the jobs in hand, gives them half a second to go back to the queue, and
   * leaves. Resolves with true if no job was left in hand. It never hangs, also without Redis.
   */
  close(deadlineMs: number): Promise<boolean>;
}

// The jobs of a dead worker are taken over after lockDuration and at most two checks: 12 s.
const SETTINGS = {
  lockDuration: 8000,
  stalledInterval: 2000,
  maxStalledCount: 3,
  runRetryDelay: 1000,
  // In seconds. An idle worker looks for jobs this often, in case that BullMQ's marker was lost.
  drainDelay: 2,
  autorun: false,
};

const ABORTED_GRACE_MS = 500;

const KEPT_FAILED = { count: 10_000 };
/** Later wake-ups replace one that failed. Some are kept to be looked into. */
const KEPT_WAKE_UPS = { count: 50 };

/**
 * Takes any job of any producer, with any options. A job that is done is removed. A message's job that failed is kept
 * until it was collected: it fails only when every worker that took it died.
 */
class TolerantWorker<Data> extends Worker<Data> {
  /** Data that are not JSON become a text: a job that cannot be created would never end. */
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

/** A worker on its own connections. `process` must declare three parameters, or BullMQ passes no signal. */
export function createConsumer<Data>(o: {
  queue: QueueName;
  redisUrl: string;
  concurrency: number;
  onError: OnError;
  process: Processor<Data>;
}): Consumer {
  const { client, disconnect } = connectPatient(o.redisUrl);
  let inHand = 0;
  let completed = 0;
  let stalled = 0;
  const counted: Processor<Data> = async (job, token, signal) => {
    inHand += 1;
    try {
      return await o.process(job, token, signal);
    } finally {
      inHand -= 1;
    }
  };
  const worker = new TolerantWorker<Data>(o.queue, counted, {
    ...SETTINGS,
    connection: client,
    concurrency: o.concurrency,
  });
  worker.on('error', o.onError);
  worker.on('failed', (_, error) => o.onError(error));
  worker.on('completed', () => {
    completed += 1;
  });
  worker.on('stalled', () => {
    stalled += 1;
  });

  return {
    start: () => {
      worker.run().catch(o.onError);
    },
    pause: () => worker.pause(true),
    completed: () => completed,
    stalled: () => stalled,
    isRunning: () => worker.isRunning(),
    close: async (deadlineMs) => {
      const closed = worker.close().catch(o.onError);
      // Without a job in hand and without Redis there is nothing to wait for.
      const nothingToDo = inHand === 0 && client.status !== 'ready';
      const drained = await settlesWithin(closed, nothingToDo ? 0 : deadlineMs);
      if (!drained) {
        worker.cancelAllJobs('the worker is closing');
        await settlesWithin(closed, inHand === 0 ? 0 : ABORTED_GRACE_MS);
      }
      disconnect();
      return drained || nothingToDo;
    },
  };
}
