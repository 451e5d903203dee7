import { waitFor } from '../../support/wait-for.ts';
import { startCpuMeter } from '../measure/cpu-meter.ts';
import type { Run } from '../measure/run.ts';
import type { Bench } from '../rig/bench.ts';
import type { Mix } from '../town/town.ts';
import { ourWorkers, workOff } from './by-queue.ts';

/** Messages that wait in their lanes already, from the start of the worker that delivers them to the last mark. */
export async function deliverWaiting(bench: Bench, mix: Mix): Promise<Run> {
  const resolver = await ourWorkers(bench, { WORKER_ROLES: 'resolve' });
  await workOff(bench, resolver, mix);
  await resolver.stop();
  const worker = await bench.startWorker({ WORKER_ROLES: 'deliver' });
  const used = startCpuMeter({ ...bench.pids, worker: [worker.pid] });
  const startedAt = performance.now();
  await waitFor('all to be delivered', bench.ledger.isAtRest, { deadlineMs: 600_000, everyMs: 20 });
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = used();
  await bench.ledger.endWaiting(mix.count);
  await worker.stop();
  return { perSecond: mix.count / seconds, cpu, messages: mix.count };
}
