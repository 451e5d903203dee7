import { isUuid } from '@contour/contract';
import type { DlqIndex, IndexPage, LegacyEntry } from '@contour/queue/dlq';
import type { Duty, Logger } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import {
  buryDead,
  dropAliveParked,
  type FormerDeath,
  findLeft,
  findUnindexed,
  indexedEntries,
  isMoved,
  markIndexed,
  markUnindexed,
  markUnshown,
  noteAllMoved,
  parkedVersions,
  parkFormer,
  parkFormerDeaths,
  removeOldFormer,
  type TurnDuty,
  takeParkedTurn,
} from '@contour/store/dead-letters';
import type { Dlq } from './dlq.ts';

/** Between two sweeps of an index that should be complete. */
const SWEEP_MS = 10 * 60 * 1000;
/** Between two sweeps of an index that Redis has lost. */
const REBUILD_MS = 5_000;
/** Longer than the period that a crashed Redis can have lost. */
const LATEST_SECONDS = 600;

interface UpkeepDeps {
  pool: Database;
  index: DlqIndex;
  dlq: Pick<Dlq, 'keepBound'>;
  indexWriter: Pick<ReturnType<typeof createIndexWriter>, 'run'>;
  id: string;
  logger: Pick<Logger, 'info'>;
}

type SweepDeps = Pick<UpkeepDeps, 'pool' | 'index' | 'logger'>;

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
    { name: 'dlq-index', every: 1, run: indexWriter.run },
    { name: 'dlq-sweep', every: 5, run: sweep },
    { name: 'dlq-bound', every: 2, run: dlq.keepBound },
    { name: 'dlq-former', every: 600, run: async () => void (await removeOldFormer(pool)) },
  ];
}

/** Removes entries that have left, then adds new ones. Returns false if nothing had changed. */
async function showPage(pool: Database, index: DlqIndex): Promise<boolean> {
  const left = await findLeft(pool);
  const gone = left.filter(({ isThere }) => !isThere);
  if (gone.length > 0) await index.hide(gone);
  if (left.length > 0) await markUnshown(pool, left);
  const entries = await findUnindexed(pool);
  if (entries.length > 0) {
    await index.show(entries);
    await markIndexed(pool, entries);
  }
  return left.length + entries.length > 0;
}

/**
 * Writes the index of the dead-letter queue to Redis after commits in Postgres. Two workers may do this at once: a job
 * is added once, and an older version never replaces a newer one.
 */
export function createIndexWriter(pool: Database, index: DlqIndex, logger: Logger) {
  let underWay: Promise<void> | undefined;
  let isWanted = false;

  async function showAll(): Promise<void> {
    do {
      isWanted = false;
      while (await showPage(pool, index));
    } while (isWanted);
  }

  function run(): Promise<void> {
    isWanted = true;
    underWay ??= showAll().finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  return {
    /** Brings the index up to date. */
    run,
    /** The same without waiting. The next run repeats what failed. */
    soon: () => void run().catch((err) => logger.debug({ err }, 'dlq.not_shown')),
  };
}

/** Compares the index in Redis with Postgres and corrects Redis. */
async function sweepIndex(deps: SweepDeps): Promise<void> {
  const { pool, index, logger } = deps;
  // What Redis has before the first page is read.
  const kept = await index.formerKept();
  const healed = (await sweepJobs(deps)) + (await sweepEntries(deps));
  // This ends the move from Redis, once. If Redis lost entries before they were moved, those of dead messages are made
  // from the ledger.
  if (!(await isMoved(pool))) {
    const seconds = kept === 'nothing' ? null : LATEST_SECONDS;
    const restored = kept === 'all' ? 0 : await buryDead(pool, seconds);
    await noteAllMoved(pool);
    logger.info({ restored }, 'dlq.moved');
  }
  const alive = await dropAliveParked(pool);
  if (alive > 0) logger.info({ alive }, 'dlq.alive_dropped');
  if (healed > 0) logger.info({ healed }, 'dlq.index_mended');
}

const idsOf = (jobs: IndexPage['jobs']) => jobs.map(({ id }) => id);

/** Removes jobs without an entry, and marks entries whose job has another version: they are shown again. */
async function sweepJobs(deps: SweepDeps): Promise<number> {
  const { pool, index } = deps;
  let healed = 0;
  for (let after: string | null = '0'; after !== null; ) {
    const page = await index.read(after);
    await moveFormer(deps, page);
    const versions = await parkedVersions(pool, idsOf(page.jobs));
    const stale = page.jobs.filter(({ id }) => !versions.has(id));
    if (stale.length > 0) await index.hide(stale);
    const changed = page.jobs.filter(
      ({ id, version }) => versions.has(id) && Number(versions.get(id)) !== version,
    );
    await markUnindexed(pool, idsOf(changed));
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

function deathOf({ entry }: LegacyEntry): FormerDeath[] {
  const { stage, reason, tenantId, id: messageId, error, attempts, failedAt } = entry;
  if (stage !== 'deliver' || tenantId === null || !isUuid(tenantId)) return [];
  if (reason !== 'core_refused' && reason !== 'core_exhausted') return [];
  return [{ tenantId, messageId, reason, error, attempts, failedAt }];
}

/**
 * Moves entries of an earlier version from a page of the index to Postgres. They leave Redis after the commit, so
 * another worker repeats the work of one that died midway. A message that is not marked dead yet stays in Redis.
 * Returns the number of these.
 */
async function moveFormer({ pool, index }: SweepDeps, { former }: IndexPage): Promise<number> {
  const ours = former.filter(({ entry }) => isUuid(entry.id));
  if (ours.length === 0) return 0;
  const letters = ours.filter(({ entry }) => entry.stage === 'resolve');
  const unrefused = letters.map(({ entry }) => ({ entry, wasRefused: false }));
  await parkFormer(pool, unrefused);
  const pending = new Set(await parkFormerDeaths(pool, ours.flatMap(deathOf)));
  for (const one of ours) {
    if (!pending.has(one.entry.id)) await index.dropFormer(one.entry.id, one.digest);
  }
  return pending.size;
}

/** Looks for entries of older workers that run beside this one, among the jobs added since the last look. */
function createFormerLook(deps: SweepDeps): () => Promise<void> {
  let after = '0';
  return async () => {
    let isWaiting = false;
    for (let at = after; ; ) {
      const page = await deps.index.read(at);
      if (page.next === null) return;
      isWaiting = (await moveFormer(deps, page)) > 0 || isWaiting;
      at = page.next;
      if (!isWaiting) after = at;
    }
  };
}
