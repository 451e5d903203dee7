import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { connectFailFast, type OnError } from './connection.ts';
import { openQueue } from './open-queue.ts';
import { parseInfo } from './redis-facts.ts';
import { runPipeline } from './run-pipeline.ts';
import { endEntries } from './streams/end-entries.ts';
import { streamKey } from './streams/keys.ts';

const PAGE = 500;
const REWRITE_MS = 30_000;
const LOOK_MS = 100;

/** Whether a text that was put into Redis is about whom it is looked for. */
type Matches = (text: string) => boolean;

/** How many were found, and how many of them could be removed. */
interface Hits {
  found: number;
  removed: number;
}

/** Looks for somebody in what waits in Redis. Every step throws AppError('redis_unavailable'). */
export interface Eraser {
  /** Jobs of `resolve`, whatever their state. One that a worker has in hand is not removed. */
  jobs(matches: Matches, mayRemove: boolean): Promise<Hits>;
  streamEntries(matches: Matches, mayRemove: boolean): Promise<Hits>;
  /** Forgets that senders of these messages were told "queued". */
  forgetQueued(messageIds: readonly string[]): Promise<void>;
  /** Has the append-only file written anew, without what was removed, and waits for it. */
  rewriteAof(): Promise<'rewritten' | 'off' | 'refused' | 'not yet'>;
  close(): Promise<void>;
}

export function createEraser(o: { redisUrl: string; onError: OnError }): Eraser {
  const { client, ask, disconnect } = connectFailFast(o.redisUrl, o.onError);
  const queue = openQueue('resolve', client);

  /** All keys that are there from the beginning to the end. */
  async function* keysLike(pattern: string, type: string): AsyncGenerator<string[]> {
    let cursor = '0';
    do {
      const page = await ask(() =>
        client.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE, 'TYPE', type),
      );
      cursor = page[0];
      yield page[1];
    } while (cursor !== '0');
  }

  /** False where a worker holds it. */
  const removeJob = (id: string) =>
    ask(async () => {
      const job: Job | undefined = await queue.getJob(id);
      if (job === undefined) return true;
      return job.remove().then(
        () => true,
        (error: Error) => {
          if (/locked|lock/i.test(error.message)) return false;
          throw error;
        },
      );
    });

  return {
    async jobs(matches, mayRemove) {
      const prefix = queue.toKey('');
      const hits = { found: 0, removed: 0 };
      const seen = new Set<string>();
      for await (const keys of keysLike(`${prefix}*`, 'hash')) {
        const texts = await ask(() =>
          runPipeline(
            keys.reduce((pipeline, key) => pipeline.hget(key, 'data'), client.pipeline()),
          ),
        );
        for (const [at, key] of keys.entries()) {
          const text = texts[at];
          if (seen.has(key) || typeof text !== 'string' || !matches(text)) continue;
          seen.add(key);
          hits.found += 1;
          if (mayRemove && (await removeJob(key.slice(prefix.length)))) hits.removed += 1;
        }
      }
      return hits;
    },
    async streamEntries(matches, mayRemove) {
      const hits = { found: 0, removed: 0 };
      for await (const keys of keysLike(`${streamKey(0).slice(0, -1)}*`, 'stream')) {
        for (const key of keys) {
          const shard = Number(key.slice(key.lastIndexOf(':') + 1));
          for await (const ids of matchingEntries(client, ask, key, matches)) {
            hits.found += ids.length;
            if (!mayRemove || !Number.isInteger(shard)) continue;
            await ask(() => endEntries(client, shard, ids));
            hits.removed += ids.length;
          }
        }
      }
      return hits;
    },
    async forgetQueued(messageIds) {
      for (let at = 0; at < messageIds.length; at += PAGE) {
        const keys = messageIds.slice(at, at + PAGE).map((id) => `contour:queued:${id}`);
        await ask(() => client.del(...keys));
      }
    },
    async rewriteAof() {
      const facts = async () => parseInfo(await ask(() => client.info('persistence')));
      if ((await facts()).get('aof_enabled') !== '1') return 'off';
      const isAllowed = await ask(() =>
        client.bgrewriteaof().then(
          () => true,
          () => false,
        ),
      );
      if (!isAllowed) return 'refused';
      for (const until = Date.now() + REWRITE_MS; Date.now() < until; ) {
        const is = await facts();
        const isBusy = ['aof_rewrite_in_progress', 'aof_rewrite_scheduled'].some(
          (name) => is.get(name) !== '0',
        );
        if (!isBusy) return 'rewritten';
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
      return 'not yet';
    },
    async close() {
      await queue.close().catch(o.onError);
      disconnect();
    },
  };
}

async function* matchingEntries(
  client: Redis,
  ask: <T>(work: () => Promise<T>) => Promise<T>,
  key: string,
  matches: Matches,
): AsyncGenerator<string[]> {
  let from = '-';
  for (;;) {
    const entries = await ask(() => client.xrange(key, from, '+', 'COUNT', PAGE));
    const ids = entries
      .filter(([, fields]) => fields.some((field, at) => at % 2 === 1 && matches(field)))
      .map(([id]) => id);
    if (ids.length > 0) yield ids;
    const last = entries.at(-1)?.[0];
    if (last === undefined || entries.length < PAGE) return;
    from = `(${last}`;
  }
}
