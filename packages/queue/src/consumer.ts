import type { Processor } from 'bullmq';
import { connectPatient, type OnError } from './connection.ts';
import type { QueueName } from './open-queue.ts';
import { settlesWithin } from './settles-within.ts';
import { TolerantWorker } from './tolerant-worker.ts';

export interface Consumer {
  start(): void;
  /** Takes no new jobs; those in hand go on. */
  pause(): Promise<void>;
  completed(): number;
  /** Jobs that it found in the hands of a worker that is gone, and put back. */
  stalled(): number;
  isRunning(): boolean;
  /**
   * Drains; at the deadline aborts what still runs, gives it half a second to hand its jobs back,
   * and leaves. True when no job was left in hand. Never hangs, Redis or not.
   */
  close(deadlineMs: number): Promise<boolean>;
}

// What a dead worker had in hand is taken over after lockDuration and two checks at most: 12 s.
const SETTINGS = {
  lockDuration: 8000,
  stalledInterval: 2000,
  maxStalledCount: 3,
  runRetryDelay: 1000,
  // An idle worker looks for itself this often, in seconds, should a marker have been lost.
  drainDelay: 2,
  autorun: false,
};

const ABORTED_GRACE_MS = 500;

/** A worker on its own connections. `process` declares three parameters, or it gets no signal. */
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
      // Without Redis there is nothing to wait for once the hands are empty.
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
