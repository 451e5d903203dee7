import { waitFor } from '../../support/wait-for.ts';
import { measureRun, type Run } from '../measure/run.ts';
import type { Bench } from '../rig/bench.ts';
import type { Mix } from '../town/town.ts';
import { ourWorkers, workOff } from './by-queue.ts';

/** Messages that already wait in lanes, from the start of the worker to the last mark. */
export async function deliverWaiting(bench: Bench, mix: Mix): Promise<Run> {
  const resolver = await ourWorkers(bench, { WORKER_ROLES: 'resolve' });
  await workOff(bench, resolver, mix);
  await resolver.stop();
  const worker = await bench.startWorker({ WORKER_ROLES: 'deliver' });
  const { isAtRest, endWaiting } = bench.ledger;
  const run = await measureRun({
    messages: mix.count,
    pids: { ...bench.pids, worker: [worker.pid] },
    async work() {
      await waitFor('all to be delivered', isAtRest, { deadlineMs: 600_000, everyMs: 20 });
    },
  });
  await endWaiting(mix.count);
  await worker.stop();
  return run;
}
