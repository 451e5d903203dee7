import { isUuid } from '@contour/contract';
import type { DlqIndex, IndexPage, LegacyEntry } from '@contour/queue/dlq';
import type { Logger } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import {
  buryDead,
  type FormerDeath,
  isMoved,
  noteAllMoved,
  parkFormer,
  parkFormerDeaths,
} from '@contour/store/dead-letters';

/** Longer than the period that a crashed Redis can have lost. */
const LATEST_SECONDS = 600;

interface MoveDeps {
  pool: Database;
  index: Pick<DlqIndex, 'read' | 'dropFormer' | 'formerKept'>;
  logger: Pick<Logger, 'info'>;
}

function deathOf({ entry }: LegacyEntry): FormerDeath[] {
  const { stage, reason, tenantId, id: messageId, error, attempts, failedAt } = entry;
  if (stage !== 'deliver' || tenantId === null || !isUuid(tenantId)) return [];
  if (reason !== 'core_refused' && reason !== 'core_exhausted') return [];
  return [{ ...{ tenantId, messageId, reason, error, attempts, failedAt } }];
}

/**
 * Moves entries of an earlier version from a page of the index to Postgres. They leave Redis after the commit, so
 * another worker repeats the work of one that died midway. A message that is not marked dead yet stays in Redis.
 * Returns the number of these.
 */
export async function moveFormer(
  { pool, index }: Pick<MoveDeps, 'pool'> & { index: Pick<DlqIndex, 'dropFormer'> },
  { former }: Pick<IndexPage, 'former'>,
): Promise<number> {
  const ours = former.filter(({ entry }) => isUuid(entry.id));
  if (ours.length === 0) return 0;
  const letters = ours.filter(({ entry }) => entry.stage === 'resolve');
  await parkFormer(
    pool,
    letters.map(({ entry }) => ({ entry, wasRefused: false })),
  );
  const pending = new Set(await parkFormerDeaths(pool, ours.flatMap(deathOf)));
  for (const one of ours) {
    if (!pending.has(one.entry.id)) await index.dropFormer(one.entry.id, one.digest);
  }
  return pending.size;
}

/**
 * Ends the move from Redis, once. If Redis lost entries before they were moved, those of dead messages are made from
 * the ledger. `kept`: what Redis still had before the first page was read.
 */
export async function endMove(
  { pool, logger }: Pick<MoveDeps, 'pool' | 'logger'>,
  kept: Awaited<ReturnType<DlqIndex['formerKept']>>,
): Promise<void> {
  if (await isMoved(pool)) return;
  const restored =
    kept === 'all' ? 0 : await buryDead(pool, kept === 'nothing' ? null : LATEST_SECONDS);
  await noteAllMoved(pool);
  logger.info({ restored }, 'dlq.moved');
}

/** Looks for entries of older workers that run beside this one, among the jobs added since the last look. */
export function createFormerLook(deps: MoveDeps): () => Promise<void> {
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
