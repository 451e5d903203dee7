import { addToStreams, areStreamsEmpty } from '../../support/streams.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Pids } from '../measure/cpu-meter.ts';
import { measureRun, type Run } from '../measure/run.ts';
import type { Bench } from '../rig/bench.ts';
import { bodiesOf, type Mix } from '../town/town.ts';

/** Added to the streams as fast as Redis takes them, to the last 2xx from Core. */
export async function pourThrough(bench: Bench, pids: Pids, mix: Mix): Promise<Run> {
  const bodies = bodiesOf(bench.town, { ...mix, byFingerprint: true });
  await bench.ledger.begin();
  const isDone = async () =>
    (await bench.ledger.isTold(mix.count)) &&
    (await areStreamsEmpty(bench.redisUrl)) &&
    (await bench.ledger.isAtRest());
  const run = await measureRun({
    messages: mix.count,
    pids,
    async work() {
      await addToStreams(bench.redisUrl, bodies);
      await waitFor('all to be delivered', isDone, { deadlineMs: 600_000, everyMs: 20 });
    },
  });
  await bench.ledger.end({ stored: mix.count, delivered: mix.count });
  return run;
}
