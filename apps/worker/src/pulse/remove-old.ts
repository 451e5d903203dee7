import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@contour/runtime';
import { messageBlocks, type Pool, removeOldMessages, takeRetentionTurn } from '@contour/store';

/*
 * A batch is 1 MB of the table, a run 10 MB: with a run every 5 s, 170 GB a day. So what is old goes
 * within a day of its time from any table that size, and within seconds from a small one.
 */
const BATCH_BLOCKS = 128;
const BATCHES_PER_RUN = 10;
const REST_MS = 50;
/** Less than the time between two runs of one worker, so that it is not late for its own turn. */
const TURN_MS = 4_000;

interface RemovalDeps {
  pool: Pool;
  days: number;
  stopping: AbortSignal;
  logger: Logger;
  onRemoved: (count: number) => void;
}

/** A duty: deletes delivered messages that are older than `days`, wherever the sweep has come to. */
export async function removeOld(deps: RemovalDeps): Promise<void> {
  const { pool, days, stopping, logger, onRemoved } = deps;
  const begin = await takeRetentionTurn(pool, TURN_MS);
  if (begin === null) return;
  const blocks = await messageBlocks(pool);
  let from: number = begin;
  let removed = 0;
  for (let batch = 0; batch < BATCHES_PER_RUN && !stopping.aborted; batch += 1) {
    const end = from + BATCH_BLOCKS;
    const next = end < blocks ? end : 0;
    removed += await removeOldMessages(pool, { from, count: BATCH_BLOCKS, next, days });
    from = next;
    if (next === 0) break;
    await delay(REST_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
  if (removed === 0) return;
  logger.info({ removed, days }, 'messages.removed');
  onRemoved(removed);
}
