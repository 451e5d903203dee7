import type { DlqEntry } from '@contour/contract';
import { createReplay, createReplyListener, createRoom, type Producer } from '@contour/queue';
import { within } from '@contour/runtime';
import { countParked, type DlqFilter, deadLetters, type Pool } from '@contour/store';
import type { Cli } from '../cli.ts';
import { createProgressBar } from '../progress-bar.ts';

export type Pages = AsyncIterable<DlqEntry[]> | Iterable<DlqEntry[]>;

const HEAR_WITHIN_MS = 2000;

/** Draws how far the pages have come: a page is done with when the next one is asked for. */
export async function* drawn(pages: Pages, total: number, what: string, { screen }: Cli) {
  const bar = createProgressBar(what, screen);
  let done = 0;
  bar.show(done, total);
  try {
    for await (const entries of pages) {
      yield entries;
      done += entries.length;
      bar.show(done, total);
    }
  } finally {
    bar.end();
  }
}

/**
 * Replays entries as the API does: adds their jobs when there is room. The worker removes an entry after its replay has
 * succeeded.
 */
export async function replayEntries(
  { REDIS_URL: redisUrl, MAX_BACKLOG: maxBacklog }: { REDIS_URL: string; MAX_BACKLOG: number },
  producer: Pick<Producer, 'addResolve' | 'backlog'>,
  pages: Pages,
): Promise<{ matched: number; replayed: number }> {
  const replies = createReplyListener({ redisUrl, onError: () => {} });
  try {
    await within(HEAR_WITHIN_MS, replies.ready(), 'redis').catch(() => {});
    const waitForRoom = createRoom({ backlog: producer.backlog, maxBacklog });
    return await createReplay({ addJobs: producer.addResolve, replies, waitForRoom })(pages);
  } finally {
    await replies.close();
  }
}

/** What a filter matches, and how many that are. */
export async function matched(
  pool: Pool,
  filter: DlqFilter,
  limit: number,
): Promise<{ pages: Pages; total: number }> {
  const count = await countParked(pool, filter);
  return { pages: deadLetters(pool).matching(filter, limit), total: Math.min(count, limit) };
}
