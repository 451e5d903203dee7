import { setTimeout as delay } from 'node:timers/promises';
import type { Backlog } from './backlog.ts';

const LOOK_EVERY_MS = 200;
/** The rest of the backlog that the API accepts is for senders. */
const SHARE = 0.5;

/**
 * Waits until so many jobs more fill no more than half of the backlog; more than that at once fit into an empty one.
 * Past `patienceMs` it throws what `impatient` makes.
 */
export function createRoom(o: {
  backlog: () => Promise<Pick<Backlog, 'waiting' | 'delayed' | 'active'>>;
  maxBacklog: number;
  patienceMs?: number;
  impatient?: () => Error;
}): (jobs: number) => Promise<void> {
  const { backlog, maxBacklog, patienceMs = Number.POSITIVE_INFINITY } = o;
  return async (jobs) => {
    const until = performance.now() + patienceMs;
    for (;;) {
      const { waiting, delayed, active } = await backlog();
      const there = waiting + delayed + active;
      if (there === 0 || there + jobs <= maxBacklog * SHARE) return;
      if (performance.now() >= until) throw o.impatient?.() ?? new Error('no room');
      await delay(LOOK_EVERY_MS);
    }
  };
}
