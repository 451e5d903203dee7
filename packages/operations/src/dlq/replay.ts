import { type DlqEntry, isUuid } from '@contour/contract';
import { createReplay, type Replay } from '@contour/queue/dlq';
import { createBacklogWait } from '@contour/queue/limits';
import type { Producer } from '@contour/queue/producer';
import type { ReplyListener } from '@contour/queue/replies';
import { within } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import { countParked, type DlqFilter, deadLetters } from '@contour/store/dead-letters';
import { boundTo } from '../bound.ts';

/** The dead-letter queue, as far as these operations read it. */
export function dlqSources(pool: Database) {
  const { get, matching } = deadLetters(pool);
  return { get, matching, count: boundTo(pool)(countParked) };
}

type DlqSources = ReturnType<typeof dlqSources>;

export type Pages = AsyncIterable<DlqEntry[]> | Iterable<DlqEntry[]>;

export interface Selection {
  /** How many entries match the filter. */
  count: number;
  /** How many of them were selected. */
  total: number;
  pages: Pages;
}

/** An entry by its id, as it is typed; null where there is none. */
export async function findEntry({ get }: Pick<DlqSources, 'get'>, id: string) {
  return isUuid(id) ? get(id.toLowerCase()) : null;
}

/** The oldest entries that match a filter, at most so many. */
export async function selectEntries(
  { count, matching }: Pick<DlqSources, 'count' | 'matching'>,
  filter: DlqFilter,
  limit: number,
): Promise<Selection> {
  const found = await count(filter);
  return { count: found, total: Math.min(found, limit), pages: matching(filter, limit) };
}

/** A single entry. */
export const onlyEntry = (entry: DlqEntry): Selection => ({ count: 1, total: 1, pages: [[entry]] });

/** A replay goes on after this time although its answers cannot be heard. */
const HEAR_WITHIN_MS = 2000;

export type ReplayerDeps = Parameters<typeof createBacklogWait>[0] & {
  addJobs: Producer['addResolve'];
  timezone: string;
  replies: Pick<ReplyListener, 'channel' | 'expect' | 'forget' | 'ready'>;
};

/**
 * Sends entries in again through the front door, while the backlog has room. The worker removes an entry
 * after its replay has succeeded, so an interrupted replay repeats messages and loses none.
 */
export function createReplayer({ addJobs, replies, timezone, ...room }: ReplayerDeps): Replay {
  const waitForRoom = createBacklogWait(room);
  const replay = createReplay({ addJobs, replies, timezone, waitForRoom });
  return async (pages) => {
    await within(HEAR_WITHIN_MS, replies.ready(), 'redis').catch(() => undefined);
    return replay(pages);
  };
}
