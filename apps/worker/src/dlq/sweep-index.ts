import type { DlqIndex } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import {
  dropAliveParked,
  indexedEntries,
  markUnindexed,
  type Pool,
  parkedVersions,
} from '@contour/store';
import { endMove, moveFormer } from './move-former.ts';

interface SweepDeps {
  pool: Pool;
  index: DlqIndex;
  logger: Pick<Logger, 'info'>;
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

/** Compares the index in Redis with Postgres and corrects Redis. */
export async function sweepIndex(deps: SweepDeps): Promise<void> {
  const kept = await deps.index.formerKept();
  const healed = (await sweepJobs(deps)) + (await sweepEntries(deps));
  await endMove(deps, kept);
  const alive = await dropAliveParked(deps.pool);
  if (alive > 0) deps.logger.info({ alive }, 'dlq.alive_dropped');
  if (healed > 0) deps.logger.info({ healed }, 'dlq.index_mended');
}
