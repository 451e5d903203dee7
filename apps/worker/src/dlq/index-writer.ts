import type { DlqIndex } from '@contour/queue/dlq';
import type { Logger } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import { findLeft, findUnindexed, markIndexed, markUnshown } from '@contour/store/dead-letters';

interface IndexWriterDeps {
  pool: Database;
  index: Pick<DlqIndex, 'show' | 'hide'>;
  logger: Pick<Logger, 'debug'>;
}

/** Removes entries that have left, then adds new ones. Returns false if nothing had changed. */
async function showPage({ pool, index }: IndexWriterDeps): Promise<boolean> {
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

export type IndexWriter = ReturnType<typeof createIndexWriter>;

/**
 * Writes the index of the dead-letter queue to Redis after commits in Postgres. Two workers may do this at once: a job
 * is added once, and an older version never replaces a newer one.
 */
export function createIndexWriter(deps: IndexWriterDeps) {
  let underWay: Promise<void> | undefined;
  let isWanted = false;

  async function showAll(): Promise<void> {
    do {
      isWanted = false;
      while (await showPage(deps));
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
    soon: () => void run().catch((err) => deps.logger.debug({ err }, 'dlq.not_shown')),
  };
}
