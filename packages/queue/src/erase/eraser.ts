import { setTimeout as delay } from 'node:timers/promises';
import type { Job, Queue } from 'bullmq';
import { openQueue } from '../jobs/queues.ts';
import { queuedKey } from '../jobs/resolve-jobs.ts';
import {
  connectFailFast,
  type FailFastRedis,
  type OnError,
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

const noHits = (): Hits => ({ found: 0, removed: 0, unclear: [] });

/** Long enough for an operator to resume an erasure that was interrupted. */
const BEGUN_SECONDS = 7 * 24 * 60 * 60;
const begunKey = (name: string) => `contour:erasing:${name}`;

const REWRITE_DEADLINE_MS = 30_000;
const LOOK_EVERY_MS = 100;

export type Eraser = ReturnType<typeof createEraser>;

/** Finds and removes a person's messages that wait in Redis. Every step throws AppError('redis_unavailable'). */
export function createEraser(o: { redisUrl: string; onError: OnError }) {
  const redis = connectFailFast(o.redisUrl, o.onError);
  const { client, ask, disconnect } = redis;
  const queue = openQueue('resolve', client);

  async function forgetMessages(messageIds: readonly string[]): Promise<void> {
    for (let at = 0; at < messageIds.length; at += PAGE) {
      const page = messageIds.slice(at, at + PAGE);
      await ask(() => client.del(...page.map(queuedKey)));
    }
  }

  return {
    /** Jobs of `resolve`, whatever their state. A job that a worker has in hand is not removed. */
    jobs: (judge: Judge, mayRemove: boolean) =>
      eraseJobs(redis, queue, judge, { mayRemove, forget: forgetMessages }),
    streamEntries: (judge: Judge, mayRemove: boolean) =>
      eraseStreamEntries(redis, judge, { mayRemove }),
    /** Removes the notes that senders of these messages got the answer `queued`. */
    forgetMessages,
    /** What an interrupted erasure of this name has noted for the next one. */
    begun: (name: string) => ask(() => client.get(begunKey(name))),
    begin: (name: string, text: string) =>
      ask(async () => {
        await client.set(begunKey(name), text, 'EX', BEGUN_SECONDS);
      }),
    end: (name: string) =>
      ask(async () => {
        await client.del(begunKey(name));
      }),
    /** Rewrites the append-only file, without what was removed, and waits for it. */
    rewriteAof: () => rewriteAof(redis),
    async close(): Promise<void> {
      await queue.close().catch(o.onError);
      disconnect();
    },
  };
}

async function rewriteAof({
  client,
  ask,
}: FailFastRedis): Promise<'rewritten' | 'off' | 'refused' | 'not yet'> {
  const facts = async () => parseInfo(await ask(() => client.info('persistence')));
  if ((await facts()).get('aof_enabled') !== '1') return 'off';
  const isAllowed = await ask(() =>
    client.bgrewriteaof().then(
      () => true,
      () => false,
    ),
  );
  if (!isAllowed) return 'refused';
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

/** All keys that exist from the beginning of the search to its end. A key may come twice. */
async function* keysLike(
  { client, ask }: FailFastRedis,
  pattern: string,
  type: string,
): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const page = await ask(() =>
      client.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE, 'TYPE', type),
    );
    cursor = page[0];
    yield page[1];
  } while (cursor !== '0');
}

/** The message id in a job that our API has made. */
function messageIdIn(text: string): string[] {
  try {
    const id: unknown = JSON.parse(text)?.message?.messageId;
    return typeof id === 'string' ? [id] : [];
  } catch {
    return [];
  }
}

/** False if a worker holds the job. */
async function removeJob(queue: Queue, id: string): Promise<boolean> {
  const job: Job | undefined = await queue.getJob(id);
  if (job === undefined) return true;
  return job.remove().then(
    () => true,
    (error: Error) => {
      if (/locked|lock/i.test(error.message)) return false;
      throw error;
    },
  );
}

/** Searches the jobs of a queue, whatever their state. `forget` gets the messages of the jobs that were removed. */
async function eraseJobs(
  redis: FailFastRedis,
  queue: Queue,
  judge: Judge,
  { mayRemove, forget }: { mayRemove: boolean; forget: (ids: string[]) => Promise<void> },
): Promise<Hits> {
  const prefix = queue.toKey('');
  const hits = noHits();
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
    if (!mayRemove || !(await redis.ask(() => removeJob(queue, id)))) return;
    hits.removed += 1;
    await forget(messageIdIn(text));
  }

  for await (const keys of keysLike(redis, `${prefix}*`, 'hash')) {
    const texts = await redis.ask(() =>
      runPipeline(
        keys.reduce((pipeline, key) => pipeline.hget(key, 'data'), redis.client.pipeline()),
      ),
    );
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
  { mayRemove }: { mayRemove: boolean },
): Promise<Hits> {
  const hits = noHits();

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
