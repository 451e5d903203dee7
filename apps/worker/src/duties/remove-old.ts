import { createCounter, type Duty, type Logger } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import { messageBlocks, removeOldMessages, takeRetentionTurn } from '@contour/store/messages';
import type { Registry } from 'prom-client';
import { pause } from '../failures.ts';

/*
 * A batch is 1 MB of the table, a run 10 MB: with a run every 5 s, 170 GB a day. So old messages leave a table of any
 * size within a day, and a small one within seconds.
 */
const BATCH_BLOCKS = 128;
const BATCHES_PER_RUN = 10;
const REST_MS = 50;
/** Shorter than the time between two runs of one worker, so that its own turn is over before its next run. */
const TURN_MS = 4_000;

/** A duty: deletes delivered messages that are older than `days`, from the place where the last sweep ended. */
export function removeOldDuty(deps: {
  registry: Registry;
  pool: Database;
  days: number;
  stopping: AbortSignal;
  logger: Pick<Logger, 'info'>;
}): Duty {
  const { pool, days, stopping, logger } = deps;
  const removedTotal = createCounter(deps.registry, {
    name: 'contour_messages_removed_total',
    help: 'Delivered messages that were deleted because they were older than RETENTION_DAYS.',
  })();

  async function run(): Promise<void> {
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
      await pause(REST_MS, stopping);
    }
    if (removed === 0) return;
    logger.info({ removed, days }, 'messages.removed');
    removedTotal.inc(removed);
  }

  return { name: 'remove-old', every: 5, run };
}
