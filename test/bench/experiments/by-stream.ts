import { addToStreams, areStreamsEmpty } from '../../support/streams.ts';
import { waitFor } from '../../support/wait-for.ts';
import { type Pids, startCpuMeter } from '../measure/cpu-meter.ts';
import type { Run } from '../measure/run.ts';
import type { Bench } from '../rig/bench.ts';
import { bodiesOf, type Mix } from '../town/town.ts';

/** Written into the streams as fast as Redis takes them; to the last one's 2xx from Core. */
export async function pourThrough(bench: Bench, pids: Pids, mix: Mix): Promise<Run> {
  const bodies = bodiesOf(bench.town, { ...mix, byFingerprint: true });
  await bench.ledger.begin();
  const used = startCpuMeter(pids);
  const startedAt = performance.now();
  await addToStreams(bench.redisUrl, bodies);
  const isDone = async () =>
    (await bench.sink.ask<{ requests: number }>('count')).requests >= mix.count &&
    (await areStreamsEmpty(bench.redisUrl)) &&
    (await bench.ledger.isAtRest());
  await waitFor('all to be delivered', isDone, { deadlineMs: 600_000, everyMs: 20 });
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = used();
  await bench.ledger.end({ stored: mix.count, delivered: mix.count });
  return { perSecond: mix.count / seconds, cpu, messages: mix.count };
}
