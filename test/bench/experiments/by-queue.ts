import { waitFor } from '../../support/wait-for.ts';
import type { Pids } from '../measure/cpu-meter.ts';
import { measureRun, type Run } from '../measure/run.ts';
import type { Bench } from '../rig/bench.ts';
import { type JobQueue, openJobQueue } from '../rig/job-queue.ts';
import { type Mix, messagesOf } from '../town/town.ts';

/** A service that takes messages from a queue of its own. */
export interface QueueSubject {
  queue: JobQueue;
  pids: Pids;
  /** Whether it stores the messages. */
  stores: boolean;
  /** Whether it sends them to Core. */
  delivers: boolean;
  stop(): Promise<void>;
}

/** A Redis database for each, so that neither takes the other's jobs. */
const queueUrl = ({ redisUrl }: Bench, database: number) => `${redisUrl}/${database}`;

const CONCURRENCY = 100;

export async function ourWorkers(
  bench: Bench,
  { workers = 1, ...env }: { workers?: number } & Record<string, string | number> = {},
): Promise<QueueSubject> {
  const url = queueUrl(bench, 0);
  const settings = Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, `${value}`]),
  );
  const started = await Promise.all(
    Array.from({ length: workers }, () => bench.startWorker({ ...settings, REDIS_URL: url })),
  );
  const delivers = (settings.WORKER_ROLES ?? 'deliver').includes('deliver');
  return {
    queue: bench.closing(await openJobQueue(url)),
    pids: { ...bench.pids, worker: started.map(({ pid }) => pid) },
    stores: true,
    delivers,
    stop: async () => void (await Promise.all(started.map((worker) => worker.stop()))),
  };
}

export async function programSubject(
  bench: Bench,
  name: string,
  {
    database,
    delivers,
    ...settings
  }: { database: number; delivers: boolean; databaseUrl?: string },
): Promise<QueueSubject> {
  const url = queueUrl(bench, database);
  const program = await bench.startProgram(name, {
    ...settings,
    redisUrl: url,
    concurrency: CONCURRENCY,
  });
  return {
    queue: bench.closing(await openJobQueue(url)),
    pids: { ...bench.pids, program: [program.pid] },
    stores: false,
    delivers,
    stop: program.stop,
  };
}

/** From the release of a full queue until all of its jobs have ended. */
export async function workOff(bench: Bench, subject: QueueSubject, mix: Mix): Promise<Run> {
  const { queue, stores, delivers } = subject;
  const { count } = mix;
  await queue.fill(messagesOf(bench.town, mix));
  await bench.ledger.begin();
  const isDone = async () => {
    if ((await queue.left()) > 0) return false;
    if (!delivers) return true;
    if (!(await bench.ledger.isTold(count))) return false;
    return !stores || (await bench.ledger.isAtRest());
  };
  const run = await measureRun({
    messages: count,
    pids: subject.pids,
    async work() {
      await queue.release();
      await waitFor('the queue to be worked off', isDone, { deadlineMs: 600_000, everyMs: 20 });
    },
  });
  await bench.ledger.end({ stored: stores ? count : 0, delivered: delivers ? count : 0 });
  return run;
}

/** From a full queue, until this many are at Core and the rest is removed. */
export async function workOffSome(
  bench: Bench,
  { queue, pids }: QueueSubject,
  waiting: readonly Mix[],
  count: number,
): Promise<Run> {
  for (const mix of waiting) await queue.fill(messagesOf(bench.town, mix));
  const filled = await queue.left();
  await bench.ledger.begin();
  const isDone = () => bench.ledger.isTold(count);
  const isAtRest = async () => (await queue.inHand()) === 0 && (await bench.ledger.isAtRest());
  const patience = { deadlineMs: 600_000, everyMs: 20 };
  let taken = count;
  const run = await measureRun({
    messages: count,
    pids,
    async work() {
      await queue.release();
      await waitFor('enough jobs to end', isDone, patience);
    },
    async afterwards() {
      await queue.hold();
      await waitFor('the taken jobs to end', isAtRest, patience);
      taken = filled - (await queue.left());
    },
  });
  await bench.ledger.end({ stored: taken, delivered: taken });
  await queue.forget();
  return { ...run, messages: taken };
}
