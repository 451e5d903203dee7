import type { DlqIndex } from '@contour/queue/dlq';
import type { Duty, Logger } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import {
  dropAliveParked,
  indexedEntries,
  markUnindexed,
  parkedVersions,
  removeOldFormer,
  type TurnDuty,
  takeParkedTurn,
} from '@contour/store/dead-letters';
import type { Dlq } from './dlq.ts';
import type { IndexWriter } from './index-writer.ts';
import { createFormerLook, endMove, moveFormer } from './move-former.ts';

// In seconds.
const SHOW_EVERY = 1;
const LOOK_EVERY = 5;
const BOUND_EVERY = 2;
const FORGET_EVERY = 600;

/** Between two sweeps of an index that should be complete. */
const SWEEP_MS = 10 * 60 * 1000;
/** Between two sweeps of an index that Redis has lost. */
const REBUILD_MS = 5_000;

interface UpkeepDeps {
  pool: Database;
  index: DlqIndex;
  dlq: Pick<Dlq, 'keepBound'>;
  indexWriter: IndexWriter;
  /** This worker's name. */
  id: string;
  logger: Pick<Logger, 'info'>;
}

/** Periodic work: keeps the dead-letter queue within its bounds, and its index in Redis up to date. */
export function dlqDuties(deps: UpkeepDeps): Duty[] {
  const { pool, index, dlq, indexWriter, id } = deps;
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
      await indexWriter.run();
    } else if (await takeTurn('sweep', SWEEP_MS)) await sweepIndex(deps);
    await lookForFormer();
  }

  return [
    { name: 'dlq-index', every: SHOW_EVERY, run: () => indexWriter.run() },
    { name: 'dlq-sweep', every: LOOK_EVERY, run: sweep },
    { name: 'dlq-bound', every: BOUND_EVERY, run: () => dlq.keepBound() },
    {
      name: 'dlq-former',
      every: FORGET_EVERY,
      run: async () => void (await removeOldFormer(pool)),
    },
  ];
}

type SweepDeps = Pick<UpkeepDeps, 'pool' | 'index' | 'logger'>;

/** Compares the index in Redis with Postgres and corrects Redis. */
async function sweepIndex(deps: SweepDeps): Promise<void> {
  const kept = await deps.index.formerKept();
  const healed = (await sweepJobs(deps)) + (await sweepEntries(deps));
  await endMove(deps, kept);
  const alive = await dropAliveParked(deps.pool);
  if (alive > 0) deps.logger.info({ alive }, 'dlq.alive_dropped');
  if (healed > 0) deps.logger.info({ healed }, 'dlq.index_mended');
}

/** Removes jobs without an entry, and marks entries whose job has another version: they are shown again. */
async function sweepJobs({ pool, index }: SweepDeps): Promise<number> {
  let healed = 0;
  for (let after: string | null = '0'; after !== null; ) {
    const page = await index.read(after);
    await moveFormer({ pool, index }, page);
    const versions = await parkedVersions(
      pool,
      page.jobs.map(({ id }) => id),
    );
    const stale = page.jobs.filter(({ id }) => !versions.has(id));
    if (stale.length > 0) await index.hide(stale);
    const changed = page.jobs.filter(
      ({ id, version }) => versions.has(id) && Number(versions.get(id)) !== version,
    );
    await markUnindexed(
      pool,
      changed.map(({ id }) => id),
    );
    healed += stale.length + changed.length;
    after = page.next;
  }
  return healed;
}

/** Marks entries without a job: Redis was wiped, or an operator removed the job. They are shown again. */
async function sweepEntries({ pool, index }: SweepDeps): Promise<number> {
  let healed = 0;
  for await (const ids of indexedEntries(pool)) {
    const missing = await index.missing(ids);
    await markUnindexed(pool, missing);
    healed += missing.length;
  }
  return healed;
}
