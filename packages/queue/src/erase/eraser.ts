import { setTimeout as delay } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import { openQueue } from '../jobs/queues.ts';
import { queuedKey } from '../jobs/resolve-jobs.ts';
import {
  connectFailFast,
  type FailFastRedis,
  parsedJson,
  type RedisAccess,
  runPipeline,
} from '../redis/connect.ts';
import { parseInfo } from '../redis/redis-facts.ts';
import { endEntries, streamKey } from '../streams/entries.ts';

/** How many keys, entries or ids are read or removed at once. */
const PAGE = 500;

/** Says whose a text in Redis is. `unclear` may be the person's, but nothing in the text proves it. */
type Judge = (text: string) => 'theirs' | 'unclear' | 'others';

interface Hits {
  found: number;
  /** How many of those found could be removed. */
  removed: number;
  unclear: string[];
}

/** Long enough for an operator to resume an erasure that was interrupted. */
const BEGUN_SECONDS = 7 * 24 * 60 * 60;
const begunKey = (name: string) => `contour:erasing:${name}`;

const REWRITE_DEADLINE_MS = 30_000;
const LOOK_EVERY_MS = 100;

export type Eraser = ReturnType<typeof createEraser>;

/** Finds and removes a person's messages that wait in Redis. Every step throws AppError('redis_unavailable'). */
export function createEraser(access: RedisAccess) {
  const redis = connectFailFast(access);
  const { client, ask, disconnect } = redis;
  const queue = openQueue('resolve', client);

  return {
    /** Jobs of `resolve`, whatever their state. A job that a worker has in hand is not removed. */
    jobs: (judge: Judge, mayRemove: boolean) => eraseJobs(redis, queue, judge, mayRemove),
    streamEntries: (judge: Judge, mayRemove: boolean) =>
      eraseStreamEntries(redis, judge, mayRemove),
    /** Removes the notes that senders of these messages got the answer `queued`. */
    forgetMessages: (messageIds: readonly string[]) => forgetMessages(redis, messageIds),
    /** What an interrupted erasure of this name has noted for the next one. */
    begun: (name: string) => ask(() => client.get(begunKey(name))),
    begin: (name: string, text: string): Promise<unknown> =>
      ask(() => client.set(begunKey(name), text, 'EX', BEGUN_SECONDS)),
    end: (name: string): Promise<unknown> => ask(() => client.del(begunKey(name))),
    /** Rewrites the append-only file, without what was removed, and waits for it. */
    rewriteAof: () => rewriteAof(redis),
    async close(): Promise<void> {
      await queue.close().catch(access.onError);
      disconnect();
    },
  };
}

async function rewriteAof({ client, ask }: FailFastRedis) {
  const facts = async () => parseInfo(await ask(() => client.info('persistence')));
  if ((await facts()).get('aof_enabled') !== '1') return 'off';
  const begun = await ask(() => client.bgrewriteaof().catch(() => null));
  if (begun === null) return 'refused';
  for (const until = Date.now() + REWRITE_DEADLINE_MS; Date.now() < until; ) {
    const is = await facts();
    const isBusy = ['aof_rewrite_in_progress', 'aof_rewrite_scheduled'].some(
      (name) => is.get(name) !== '0',
    );
    if (!isBusy) return 'rewritten';
    await delay(LOOK_EVERY_MS);
  }
  return 'not yet';
}

async function forgetMessages(
  { client, ask }: FailFastRedis,
  messageIds: readonly string[],
): Promise<void> {
  for (let at = 0; at < messageIds.length; at += PAGE) {
    const page = messageIds.slice(at, at + PAGE);
    await ask(() => client.del(...page.map(queuedKey)));
  }
}

/** All keys that exist from the beginning of the search to its end. A key may come twice. */
async function* keysLike({ client, ask }: FailFastRedis, pattern: string, type: string) {
  let cursor = '0';
  do {
    const [next, keys] = await ask(() =>
      client.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE, 'TYPE', type),
    );
    yield keys;
    cursor = next;
  } while (cursor !== '0');
}

/** The message id in a job that our API has made. */
function messageIdIn(text: string): string[] {
  const job = parsedJson(text) as { message?: { messageId?: unknown } } | null | undefined;
  const id = job?.message?.messageId;
  return typeof id === 'string' ? [id] : [];
}

/** Searches the jobs of a queue, whatever their state. */
async function eraseJobs(
  redis: FailFastRedis,
  queue: Queue,
  judge: Judge,
  mayRemove: boolean,
): Promise<Hits> {
  const { client, ask } = redis;
  const prefix = queue.toKey('');
  const hits: Hits = { found: 0, removed: 0, unclear: [] };
  const seen = new Set<string>();

  async function judgeJob(id: string, text: string): Promise<void> {
    const verdict = judge(text);
    if (verdict === 'others' || seen.has(id)) return;
    seen.add(id);
    if (verdict === 'unclear') {
      hits.unclear.push(id);
      return;
    }
    hits.found += 1;
    // BullMQ removes no job that a worker holds.
    if (!mayRemove || (await ask(() => queue.remove(id))) === 0) return;
    hits.removed += 1;
    await forgetMessages(redis, messageIdIn(text));
  }

  for await (const keys of keysLike(redis, `${prefix}*`, 'hash')) {
    const asked = client.pipeline();
    for (const key of keys) asked.hget(key, 'data');
    const texts = await ask(() => runPipeline(asked));
    for (const [at, key] of keys.entries()) {
      const text = texts[at];
      if (typeof text === 'string') await judgeJob(key.slice(prefix.length), text);
    }
  }
  return hits;
}

type Entry = [id: string, fields: string[]];

async function* pagesOf({ client, ask }: FailFastRedis, key: string): AsyncGenerator<Entry[]> {
  let from = '-';
  for (;;) {
    const entries = await ask(() => client.xrange(key, from, '+', 'COUNT', PAGE));
    yield entries;
    const last = entries.at(-1)?.[0];
    if (last === undefined || entries.length < PAGE) return;
    from = `(${last}`;
  }
}

/** Searches all stream shards. A removed entry counts as done, not as lost. */
async function eraseStreamEntries(
  redis: FailFastRedis,
  judge: Judge,
  mayRemove: boolean,
): Promise<Hits> {
  const hits: Hits = { found: 0, removed: 0, unclear: [] };

  async function judgeEntries(key: string, entries: readonly Entry[]): Promise<void> {
    const theirs: string[] = [];
    for (const [id, fields] of entries) {
      const verdicts = fields.filter((_, at) => at % 2 === 1).map(judge);
      if (verdicts.includes('theirs')) theirs.push(id);
      else if (verdicts.includes('unclear')) hits.unclear.push(`${key} ${id}`);
    }
    hits.found += theirs.length;
    const shard = Number(key.slice(key.lastIndexOf(':') + 1));
    if (!mayRemove || !Number.isInteger(shard) || theirs.length === 0) return;
    await redis.ask(() => endEntries(redis.client, shard, theirs));
    hits.removed += theirs.length;
  }

  for await (const keys of keysLike(redis, `${streamKey(0).slice(0, -1)}*`, 'stream')) {
    for (const key of keys) {
      for await (const entries of pagesOf(redis, key)) await judgeEntries(key, entries);
    }
  }
  return hits;
}
