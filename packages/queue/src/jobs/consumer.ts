import { AppError } from '@contour/contract';
import { DelayedError, type Job, type JobJson, type Processor, Worker } from 'bullmq';
import { connectPatient, type RedisAccess, settlesWithin } from '../redis/connect.ts';
import type { QueueName } from './queues.ts';

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

function incomingJobOf(job: Job): IncomingJob {
  return {
    id: job.id ?? '',
    name: job.name,
    data: job.data,
    timestampMs: plausibleTime(job.timestamp),
    started: job.attemptsStarted,
    failures: failuresIn(job.progress),
  };
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

interface ConsumerOptions<Data> extends RedisAccess {
  queue: QueueName;
  concurrency: number;
  process: Processor<Data>;
}

export type Consumer = ReturnType<typeof createConsumer>;

/** A worker on its own connections. `process` must declare three parameters, or BullMQ passes no signal. */
export function createConsumer<Data>(o: ConsumerOptions<Data>) {
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
    start: (): void => {
      worker.run().catch(o.onError);
    },
    /** Takes no new jobs. Those in hand go on. */
    pause: () => worker.pause(true),
    completed: () => completed,
    /** Stalled jobs, whose worker died or froze, that this consumer detected and requeued. */
    stalled: () => stalled,
    isRunning: () => worker.isRunning(),
    /**
     * Drains. At the deadline it aborts the jobs in hand, gives them half a second to go back to the queue, and
     * leaves. Resolves with true if no job was left in hand. It never hangs, also without Redis.
     */
    close: async (deadlineMs: number): Promise<boolean> => {
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

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/*
 * | failures               | 1      | 2     | 3   | 4   | 5    | 6    | 7    | 8 and more |
 * | delay of an entry      | 1 s    | 2 s   | 4 s | 8 s | 16 s | 30 s | 30 s | parked     |
 * | delay of a job, up to  | 0.25 s | 0.5 s | 1 s | 2 s | 4 s  | 8 s  | 16 s | 30 s       |
 */

/** How long a message waits for its next try after this many failures. */
export const resolveDelayMs = (failures: number, firstMs = FIRST_MS): number =>
  Math.min(firstMs * 2 ** Math.max(failures - 1, 0), LONGEST_MS);

/** After this many throws a job is given up. */
const MAX_THROWS = 20;

export type JobOutcome =
  | 'done'
  /** `failures` is stored with the job, if given. */
  | { retryInMs: number; failures?: number };

export type HandleJob = (job: IncomingJob, signal: AbortSignal) => Promise<JobOutcome>;

interface ResolveConsumerOptions extends RedisAccess {
  concurrency: number;
  /** What replaces a job's data in Redis, because they may hold a credential; undefined to keep them. */
  seal: (job: IncomingJob) => unknown;
  handle: HandleJob;
  /** Parks a job that is given up. */
  giveUp: (job: IncomingJob, error: Error) => Promise<void>;
  /** Replaces data that can be neither sealed nor parked, because it may hold a credential. */
  unsealed: () => unknown;
}

/** Retries a job after a throw, whatever attempts its producer set. After many throws the job is given up. */
export function createResolveConsumer(o: ResolveConsumerOptions): Consumer {
  async function giveUp(job: Job, error: Error): Promise<'done' | { retryInMs: number }> {
    try {
      await o.giveUp(incomingJobOf(job), error);
      return 'done';
    } catch (reason) {
      o.onError(reason as Error);
      // With an AppError a server is away, and parking is tried again later.
      if (!(reason instanceof AppError)) await job.updateData(o.unsealed()).catch(o.onError);
      return { retryInMs: resolveDelayMs(MAX_THROWS) };
    }
  }

  async function outcomeOf(job: Job, signal: AbortSignal): Promise<JobOutcome> {
    try {
      const incoming = incomingJobOf(job);
      const sealed = o.seal(incoming);
      if (sealed !== undefined) await job.updateData(sealed);
      return await o.handle(incoming, signal);
    } catch (error) {
      o.onError(error as Error);
      const failures = failuresIn(job.progress) + 1;
      if (failures >= MAX_THROWS) return giveUp(job, error as Error);
      return { retryInMs: resolveDelayMs(failures), failures };
    }
  }

  return createConsumer({
    ...o,
    queue: 'resolve',
    process: async (job, token, signal) => {
      const outcome = await outcomeOf(job, signal as AbortSignal);
      if (outcome === 'done') return;
      const { retryInMs, failures } = outcome;
      // A lost count costs one more try.
      if (failures !== undefined) await job.updateProgress({ failures }).catch(o.onError);
      await job.moveToDelayed(Date.now() + retryInMs, token);
      throw new DelayedError();
    },
  });
}
