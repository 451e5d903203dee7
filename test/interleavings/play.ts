import type { Pool } from '../support/outside-pool.ts';
import type { Footprint } from './footprint.ts';
import type { AtCore, Seat } from './seat.ts';

/** One permitted statement. Steps are in the order of the permissions. */
export interface Step {
  by: number;
  name: string;
  footprint: Footprint;
  /** The step that ended this participant's wait for a lock. -1 if it did not wait. */
  after: number;
}

/** Chooses the next participant among those that ask. */
export type Choose = (asking: readonly number[], steps: readonly Step[]) => number;

export type Work = (pool: Pool, atCore: AtCore) => Promise<void>;

/** The seats and their state. */
export interface Table {
  seats: readonly Seat[];
  /** Waits for a change of any seat's state. False if none came in time. */
  changed(withinMs: number): Promise<boolean>;
  /** The server processes that wait for another one of them, after Postgres looked for a deadlock. */
  waiting(pids: readonly number[]): Promise<ReadonlySet<number>>;
}

/** Most statements end sooner. After this time Postgres is asked whether it waits for a lock. */
const LOOK_AFTER_MS = 2;

/**
 * Waits until every participant asks, has ended or waits for a lock. Only Postgres knows whether a
 * statement waits: its duration proves nothing. Where all wait, Postgres ends one of them.
 */
async function settled({ seats, changed, waiting }: Table): Promise<void> {
  const inState = (...states: string[]) => seats.filter((seat) => states.includes(seat.state()));
  for (;;) {
    const open = inState('thinking', 'running');
    if (open.length === 0 && (inState('asking').length > 0 || inState('blocked').length === 0))
      return;
    if (open.length === 0) for (const seat of seats) seat.setBlocked(false);
    if (await changed(LOOK_AFTER_MS)) continue;
    const running = inState('running').filter((seat) => seat.mayWait());
    if (running.length === 0) continue;
    const stuck = await waiting(seats.map(({ pid }) => pid));
    for (const seat of running) seat.setBlocked(stuck.has(seat.pid));
  }
}

/**
 * Runs the works concurrently, one statement at a time, as `choose` says. A statement that waits for a
 * lock has taken its snapshot before, as it would without the scheduler.
 */
export async function play(
  table: Table,
  works: readonly Work[],
  choose: Choose,
): Promise<readonly Step[]> {
  const { seats } = table;
  const steps: Step[] = [];
  const woken = seats.map(() => -1);
  const ends = works.map((work, index) => seats[index]?.occupy(work));
  const over = Promise.allSettled(ends);
  for (;;) {
    await settled(table);
    const asking = seats.flatMap((seat, index) => (seat.state() === 'asking' ? [index] : []));
    if (asking.length === 0) break;
    const by = choose(asking, steps);
    const seat = seats[by];
    if (seat === undefined || !asking.includes(by)) throw new Error(`seat ${by} does not ask`);
    const index = steps.length;
    const after = woken[by] ?? -1;
    woken[by] = -1;
    const footprint = seat.permit((freed) => {
      footprint.frees |= freed;
      if (footprint.frees === 0) return;
      // All that waited may go on. One that has to wait for a third is marked again.
      for (const [at, other] of seats.entries()) {
        if (other.state() !== 'blocked') continue;
        woken[at] = index;
        other.setBlocked(false);
      }
    });
    steps.push({ by, name: seat.asks(), after, footprint });
  }
  const failed = (await over).find((end) => end.status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  return steps;
}
