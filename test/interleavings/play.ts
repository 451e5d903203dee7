import type { Pool } from '../support/outside-pool.ts';
import type { Footprint } from './footprint.ts';
import type { AtCore, Seat } from './seat.ts';

/** One permission, in the order in which they were given. */
export interface Step {
  by: number;
  name: string;
  footprint: Footprint;
  /** The step that ended this participant's wait for a lock, just before; -1 where it did not wait. */
  after: number;
}

/** Who goes next, of those who ask? */
export type Choose = (asking: readonly number[], steps: readonly Step[]) => number;

export type Work = (pool: Pool, atCore: AtCore) => Promise<void>;

/** The seats, and what is heard and seen of them. */
export interface Table {
  seats: readonly Seat[];
  /** The next change of any seat's state; false where none came in time. */
  changed(withinMs: number): Promise<boolean>;
  /** Which of these server processes wait for another of them, for so long that no deadlock was found? */
  waiting(pids: readonly number[]): Promise<ReadonlySet<number>>;
}

/** A statement is usually over sooner; only then it is asked whether it waits for somebody. */
const LOOK_AFTER_MS = 2;

/**
 * Until everybody asks, has ended or waits for somebody's lock. That a statement waits is what the
 * server says; that it takes long proves nothing. Where all wait, the server ends one by itself.
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
 * Runs the works side by side, one statement at a time, as `choose` says. A statement that comes to
 * wait for another participant's lock has taken its snapshot, as it would have at that moment.
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
      // Whoever waited may go on now; whoever has to wait for a third is found waiting again.
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
