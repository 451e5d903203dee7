import type { DlqIndex } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import { type Pool, removeOldFormer, type TurnDuty, takeParkedTurn } from '@contour/store';
import type { Duty } from '../pulse/create-pulse.ts';
import type { OpenDlq } from './create-dlq.ts';
import { createFormerLook } from './move-former.ts';
import type { Shower } from './show-entries.ts';
import { sweepIndex } from './sweep-index.ts';

// In beats of a second.
const SHOW_EVERY = 1;
const LOOK_EVERY = 5;
const BOUND_EVERY = 2;
const FORGET_EVERY = 600;

/** Between two sweeps of an index that should be complete. */
const SWEEP_MS = 10 * 60 * 1000;
/** Between two sweeps of an index that Redis has lost. */
const REBUILD_MS = 5_000;

/** Periodic work: keeps the dead-letter queue within its bounds, and its index in Redis up to date. */
export function dlqDuties(deps: {
  pool: Pool;
  index: DlqIndex;
  dlq: Pick<OpenDlq, 'keepBound'>;
  shower: Shower;
  /** This worker's name. */
  id: string;
  logger: Logger;
}): Duty[] {
  const { pool, index, dlq, shower, id } = deps;
  const lookForFormer = createFormerLook(deps);
  // Each sweep takes a new turn, so that this worker, too, waits until the turn is over.
  let turns = 0;
  const takeTurn = (duty: TurnDuty, ms: number) => {
    turns += 1;
    return takeParkedTurn(pool, { duty, holder: `${id} ${turns}`, ms });
  };

  async function sweep(): Promise<void> {
    const isComplete = await index.isComplete();
    if (!isComplete && (await takeTurn('rebuild', REBUILD_MS))) {
      await sweepIndex(deps);
      await index.markComplete();
      await shower.run();
    } else if (await takeTurn('sweep', SWEEP_MS)) await sweepIndex(deps);
    await lookForFormer();
  }

  return [
    { name: 'dlq-index', every: SHOW_EVERY, run: () => shower.run() },
    { name: 'dlq-sweep', every: LOOK_EVERY, run: sweep },
    { name: 'dlq-bound', every: BOUND_EVERY, run: () => dlq.keepBound() },
    {
      name: 'dlq-former',
      every: FORGET_EVERY,
      run: async () => void (await removeOldFormer(pool)),
    },
  ];
}
