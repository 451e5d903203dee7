import { setTimeout as delay } from 'node:timers/promises';
import { type Contour, type ContourOptions, startContour } from '../../support/contour.ts';
import { NEIGHBOURS, type NeighbourLoad, startNeighbours, toldNeighbours } from './neighbours.ts';
import type { Fault, Outcome } from './row.ts';
import { NOTHING_SENT, type Trouble } from './trouble.ts';
import { secondsUntilThrough } from './under-load.ts';

/** Until connections are open and Postgres has planned its statements. */
const WARM_MS = 3_000;
const WATCH_MS = 15_000;

/** A row beside healthy tenants. All messages are through within a minute of the end of the trouble. */
export const besideOthers = (injected: string, load = NEIGHBOURS): Fault => ({
  injected,
  load: toldNeighbours(load),
  withinSeconds: 60,
});

interface Beside {
  options?: ContourOptions;
  load?: NeighbourLoad;
  watchMs?: number;
  /** The load of the trouble alone, beside which the healthy tenants are measured first. Default: none. */
  begunWell?: (contour: Contour) => Promise<Trouble>;
}

/** Measures healthy tenants without the trouble, then with it, and runs the checker when it is over. */
export async function beside(
  begin: (contour: Contour) => Promise<Trouble>,
  { options = {}, load = NEIGHBOURS, watchMs = WATCH_MS, begunWell }: Beside = {},
): Promise<Outcome> {
  const contour = await startContour(options);
  const neighbours = await startNeighbours(contour, load);
  try {
    await delay(WARM_MS);
    const well = await begunWell?.(contour);
    const before = await neighbours.watch(WATCH_MS);
    const first = (await well?.end()) ?? NOTHING_SENT;
    const trouble = await begin(contour);
    const during = await neighbours.watch(watchMs);
    const own = await trouble.end();
    const others = await neighbours.stop();
    const sent = new Set([...first.sent, ...own.sent, ...others.sent]);
    const recoverySeconds = await secondsUntilThrough(contour, { sent }, 120_000);
    const accepted = [...first.accepted, ...own.accepted, ...others.accepted];
    const violations = await contour.check({ accepted, sent });
    return { recoverySeconds, violations, neighbours: { before, during } };
  } finally {
    await neighbours.stop().catch(() => undefined);
    await contour.close();
  }
}
