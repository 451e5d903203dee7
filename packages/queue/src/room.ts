import { setTimeout as delay } from 'node:timers/promises';
import type { Backlog } from './backlog.ts';

const LOOK_EVERY_MS = 200;
/** More parts than this would take places and time of the workers from senders. */
const PART_EVERY_MS = 150;
/** The share of the backlog that a replay may fill. The rest is for senders. */
const SHARE = 0.5;

/**
 * Waits until this many more jobs fill at most half of the backlog, or until the backlog is empty. Also waits 150 ms
 * after the part before. After `patienceMs` it throws the error that `impatient` makes.
 */
export function createRoom(o: {
  backlog: () => Promise<Pick<Backlog, 'waiting' | 'delayed' | 'active'>>;
  maxBacklog: number;
  patienceMs?: number;
  impatient?: () => Error;
}): (jobs: number) => Promise<void> {
  const { backlog, maxBacklog, patienceMs = Number.POSITIVE_INFINITY } = o;
  let notBefore = 0;
  return async (jobs) => {
    await delay(Math.max(notBefore - performance.now(), 0));
    const until = performance.now() + patienceMs;
    for (;;) {
      const { waiting, delayed, active } = await backlog();
      const there = waiting + delayed + active;
      if (there === 0 || there + jobs <= maxBacklog * SHARE) break;
      if (performance.now() >= until) throw o.impatient?.() ?? new Error('no room');
      await delay(LOOK_EVERY_MS);
    }
    notBefore = performance.now() + PART_EVERY_MS;
  };
}
