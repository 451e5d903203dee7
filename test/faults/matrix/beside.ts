import { setTimeout as delay } from 'node:timers/promises';
import { type Contour, type ContourOptions, startContour } from '../../support/contour.ts';
import { NEIGHBOURS, type NeighbourLoad, startNeighbours } from './neighbours.ts';
import type { Outcome } from './row.ts';
import type { Trouble } from './troubles.ts';
import { secondsUntilThrough } from './under-load.ts';

/** Connections are open and plans are made. */
const WARM_MS = 3_000;
const WATCH_MS = 15_000;

interface Beside {
  options?: ContourOptions;
  load?: NeighbourLoad;
  watchMs?: number;
}

/** Measures the neighbours without the trouble, then with it, and checks everything when it is over. */
export async function beside(
  begin: (contour: Contour) => Promise<Trouble>,
  { options = {}, load = NEIGHBOURS, watchMs = WATCH_MS }: Beside = {},
): Promise<Outcome> {
  const contour = await startContour(options);
  const neighbours = await startNeighbours(contour, load);
  try {
    await delay(WARM_MS);
    const before = await neighbours.watch(WATCH_MS);
    const trouble = await begin(contour);
    const during = await neighbours.watch(watchMs);
    const own = await trouble.end();
    const others = await neighbours.stop();
    const sent = new Set([...own.sent, ...others.sent]);
    const recoverySeconds = await secondsUntilThrough(contour, { sent }, 120_000);
    const accepted = [...own.accepted, ...others.accepted];
    const violations = await contour.check({ accepted, sent });
    return { recoverySeconds, violations, neighbours: { before, during } };
  } finally {
    await neighbours.stop().catch(() => undefined);
    await contour.close();
  }
}
