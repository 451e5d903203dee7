import { setTimeout as delay } from 'node:timers/promises';
import type { Backlog } from './backlog.ts';

const LOOK_EVERY_MS = 200;
/** A part more often than this would take a worker's places and time from its senders. */
const PART_EVERY_MS = 150;
/** The rest of the backlog that the API accepts is for senders. */
const SHARE = 0.5;

/**
 * Waits until so many jobs more fill no more than half of the backlog; more than that at once fit into an empty one.
 * There is room for a part 150 ms after the one before. Past `patienceMs` it throws what `impatient` makes.
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
