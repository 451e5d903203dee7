import type { DlqEntry } from '@contour/contract';
import { connectFailFast, type FailFastRedis, type OnError } from './connection.ts';
import { type DlqFilter, entryMatcher, readEntry } from './dlq-filter.ts';
import {
  countEntries,
  digestOf,
  newestCursor,
  type Row,
  readPage,
  readText,
  readTextsOfTrace,
  removeEntries,
  reserve,
  settle,
} from './dlq-scripts.ts';
import { type FormerEntry, findFormer } from './former-entries.ts';
import { openQueue } from './open-queue.ts';
import { createWaitingEntries, type WaitingEntries } from './waiting-entries.ts';

const BEGINNING = '0';
const TRACE_LIMIT = 200;
const KEPT_KEY = 'contour:dlq:kept';

export interface DlqPage {
  /** All that the filter matches, on whatever page. */
  count: number;
  items: DlqEntry[];
  next: string | null;
}

/** What cannot go on, oldest first. Every method throws AppError('redis_unavailable') in 2.5 s a page. */
export interface Dlq {
  /**
   * A message is parked once: its entry is kept in place, with the newest reason and error. The
   * id becomes a BullMQ job id: neither an integer nor with a colon.
   */
  park(entry: DlqEntry): Promise<'parked' | 'over_allowance'>;
  get(id: string): Promise<DlqEntry | null>;
  list(filter: DlqFilter, page: { limit: number; cursor?: string }): Promise<DlqPage>;
  /** The entries of a trace, 200 at most. */
  byTrace(traceId: string): Promise<DlqEntry[]>;
  /** Page by page what was there when it was called; safe while entries vanish. */
  matching(filter: DlqFilter, limit: number): AsyncIterable<DlqEntry[]>;
  /** An entry and the digest of its text, by which `remove` knows it again. */
  read(id: string): Promise<{ entry: DlqEntry; digest: string } | null>;
  /** With a digest: only if the entry is still the one that was read. */
  remove(id: string, digest?: string): Promise<boolean>;
  /** What is remembered of an entry that has left. */
  former(id: string): Promise<FormerEntry | null>;
  /** Leaves what was parked, or parked again, after it had begun; tells how many it has looked at. */
  clear(filter: DlqFilter, onProgress?: (done: number, total: number) => void): Promise<number>;
  /** Whether Redis still has what was parked before `markKept`; after a restart the latest may lack. */
  keeping(): Promise<'all' | 'all_but_latest' | 'nothing'>;
  markKept(): Promise<void>;
  /** Those that wait for their account to be there, or to be switched on. */
  waiting: WaitingEntries;
  close(): Promise<void>;
}

/** Tells a cursor of `list` from what a caller made up. */
export const isDlqCursor = (text: string): boolean => /^\d{1,16}$/.test(text);

export function createDlq(o: {
  redisUrl: string;
  onError: OnError;
  maxParkedPerAccount: number;
}): Dlq {
  const redis = connectFailFast(o.redisUrl, o.onError);
  const { client, ask, disconnect } = redis;
  const queue = openQueue('dlq', client);

  return {
    park: (entry) =>
      ask(async () => {
        const { id, reason, stage, message } = entry;
        const reserved = await reserve(client, {
          id,
          text: JSON.stringify(entry),
          reason,
          stage,
          channel: message?.channel ?? '',
          fingerprint: message?.fingerprint ?? '',
          traceId: message?.traceId ?? '',
          allowance: o.maxParkedPerAccount,
          receivedMs: Date.parse(entry.receivedAt),
        });
        if (reserved === 'over_allowance') return reserved;
        if (reserved === 'new') {
          await queue.add(reason, entry, { jobId: id, priority: 1 });
          await settle(client, id, message?.traceId ?? '');
        }
        return 'parked';
      }),
    get: async (id) => {
      const text = await ask(() => readText(client, id));
      return text === null ? null : (readEntry(text) ?? null);
    },
    list: (filter, page) => listEntries(redis, filter, page),
    byTrace: async (traceId) => {
      const texts = await ask(() => readTextsOfTrace(client, traceId, TRACE_LIMIT));
      return texts
        .map(readEntry)
        .filter((entry) => entry !== undefined)
        .filter(({ message }) => message?.traceId === traceId)
        .sort((a, b) => (a.receivedAt < b.receivedAt ? -1 : 1));
    },
    matching: (filter, limit) => matchingEntries(redis, filter, limit),
    read: async (id) => {
      const text = await ask(() => readText(client, id));
      const entry = text === null ? undefined : readEntry(text);
      return text === null || entry === undefined ? null : { entry, digest: digestOf(text) };
    },
    remove: (id, digest = '') =>
      ask(async () => (await removeEntries(client, [{ id, digest }], 'let_in')) === 1),
    former: (id) => ask(() => findFormer(client, id)),
    clear: (filter, onProgress = () => {}) => clearEntries(redis, filter, onProgress),
    keeping: () =>
      ask(async () => {
        const kept = await client.get(KEPT_KEY);
        if (kept === null) return 'nothing';
        return kept === (await runIdOf(client)) ? 'all' : 'all_but_latest';
      }),
    markKept: () =>
      ask(async () => {
        await client.set(KEPT_KEY, await runIdOf(client));
      }),
    waiting: createWaitingEntries(redis, (filter) =>
      matchingEntries(redis, filter, Number.POSITIVE_INFINITY),
    ),
    close: async () => {
      await queue.close().catch(o.onError);
      disconnect();
    },
  };
}

/** Each start of a Redis server has an id of its own. */
async function runIdOf(client: FailFastRedis['client']): Promise<string> {
  return /^run_id:(\S+)/m.exec(await client.info('server'))?.[1] ?? '';
}

/** Walks over what is there now, a page at a time; what is added meanwhile is not met. */
async function* walk({ client, ask }: FailFastRedis): AsyncGenerator<Row[]> {
  const last = await ask(() => newestCursor(client));
  let after = BEGINNING;
  while (true) {
    const rows = await ask(() => readPage(client, after, last));
    yield rows;
    const end = rows.at(-1);
    if (end === undefined) return;
    after = end.cursor;
  }
}

async function listEntries(
  redis: FailFastRedis,
  filter: DlqFilter,
  { limit, cursor = BEGINNING }: { limit: number; cursor?: string },
): Promise<DlqPage> {
  const match = entryMatcher(filter);
  const page: DlqPage = { count: 0, items: [], next: null };
  let end = cursor;
  const take = ({ cursor: at, text }: Row): void => {
    const entry = match(text);
    if (entry === undefined) return;
    page.count += 1;
    if (Number(at) <= Number(cursor)) return;
    if (page.items.length === limit) {
      page.next = end;
      return;
    }
    page.items.push(entry);
    end = at;
  };

  if (Object.values(filter).some((value) => value !== undefined)) {
    for await (const rows of walk(redis)) rows.forEach(take);
    return page;
  }
  // Without a filter the count is known, and only the page itself is read.
  const { client, ask } = redis;
  let after: string | undefined = cursor;
  while (after !== undefined && page.next === null) {
    const rows = await ask(() => readPage(client, after ?? BEGINNING, '+inf'));
    rows.forEach(take);
    after = rows.at(-1)?.cursor;
  }
  page.count = await ask(() => countEntries(client));
  return page;
}

async function* matchingEntries(
  redis: FailFastRedis,
  filter: DlqFilter,
  limit: number,
): AsyncGenerator<DlqEntry[]> {
  const match = entryMatcher(filter);
  let left = limit;
  for await (const rows of walk(redis)) {
    const entries = rows
      .map(({ text }) => match(text))
      .filter((entry) => entry !== undefined)
      .slice(0, left);
    if (entries.length > 0) yield entries;
    left -= entries.length;
    if (left <= 0) return;
  }
}

async function clearEntries(
  redis: FailFastRedis,
  filter: DlqFilter,
  onProgress: (done: number, total: number) => void,
): Promise<number> {
  const match = entryMatcher(filter);
  const total = await redis.ask(() => countEntries(redis.client));
  let looked = 0;
  let removed = 0;
  for await (const rows of walk(redis)) {
    onProgress(looked, total);
    looked += rows.length;
    const doomed = rows
      .filter(({ text }) => match(text) !== undefined)
      .map(({ id, text }) => ({ id, digest: digestOf(text) }));
    if (doomed.length === 0) continue;
    removed += await redis.ask(() => removeEntries(redis.client, doomed, 'cleared'));
  }
  return removed;
}
