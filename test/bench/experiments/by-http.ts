import { waitFor } from '../../support/wait-for.ts';
import type { Pids } from '../measure/cpu-meter.ts';
import { measureRun, type Run } from '../measure/run.ts';
import type { Bench } from '../rig/bench.ts';
import { createSenders, type Senders } from '../rig/senders.ts';
import { type Mix, textsOf } from '../town/town.ts';

/** A service that takes messages over HTTP and sends them to Core. */
export interface HttpSubject {
  senders: Senders;
  pids: Pids;
  /** Whether it stores the messages. */
  stores: boolean;
  stop(): Promise<void>;
}

export async function ourService(
  bench: Bench,
  env: Record<string, string> = {},
): Promise<HttpSubject> {
  const [api, worker] = await Promise.all([bench.startApi(env), bench.startWorker(env)]);
  const senders = bench.closing(createSenders(api.url));
  return {
    senders,
    pids: { ...bench.pids, api: [api.pid], worker: [worker.pid] },
    stores: true,
    async stop() {
      await senders.close();
      await Promise.all([api.stop(), worker.stop()]);
    },
  };
}

export async function obviousService(bench: Bench): Promise<HttpSubject> {
  const { url, pid, stop } = await bench.startProgram('peers/obvious-service');
  const pids = { ...bench.pids, program: [pid] };
  return { senders: bench.closing(createSenders(url)), pids, stores: false, stop };
}

/** Waits until Core has all of them, and the ledger shows it. */
async function untilDelivered(bench: Bench, { stores }: HttpSubject, count: number): Promise<void> {
  const isDone = async () => {
    if (!(await bench.ledger.isTold(count))) return false;
    return !stores || bench.ledger.isAtRest();
  };
  await waitFor('all to be delivered', isDone, { deadlineMs: 120_000, everyMs: 20 });
}

/** With this many senders, to the last 2xx from Core. */
export async function sendThrough(
  bench: Bench,
  subject: HttpSubject,
  mix: Mix,
  concurrency = 64,
): Promise<Run> {
  const bodies = textsOf(bench.town, mix);
  await bench.ledger.begin();
  const run = await measureRun({
    messages: mix.count,
    pids: subject.pids,
    work: () => subject.senders.sendAll(bodies, concurrency),
    afterwards: () => untilDelivered(bench, subject, mix.count),
  });
  await bench.ledger.end({ stored: subject.stores ? mix.count : 0, delivered: mix.count });
  return run;
}
