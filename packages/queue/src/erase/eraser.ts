import { setTimeout as delay } from 'node:timers/promises';
import { openQueue } from '../jobs/queues.ts';
import { queuedKey } from '../jobs/resolve-jobs.ts';
import { connectFailFast, type FailFastRedis, type OnError } from '../redis/connect.ts';
import { parseInfo } from '../redis/redis-facts.ts';
import { eraseJobs, eraseStreamEntries, type Hits, type Judge, PAGE } from './search.ts';

/** Long enough for an operator to resume an erasure that was interrupted. */
const BEGUN_SECONDS = 7 * 24 * 60 * 60;
const begunKey = (name: string) => `contour:erasing:${name}`;

const REWRITE_DEADLINE_MS = 30_000;
const LOOK_EVERY_MS = 100;

/** Finds and removes a person's messages that wait in Redis. Every step throws AppError('redis_unavailable'). */
export interface Eraser {
  /** Jobs of `resolve`, whatever their state. A job that a worker has in hand is not removed. */
  jobs(judge: Judge, mayRemove: boolean): Promise<Hits>;
  streamEntries(judge: Judge, mayRemove: boolean): Promise<Hits>;
  /** Removes the notes that senders of these messages got the answer `queued`. */
  forgetMessages(messageIds: readonly string[]): Promise<void>;
  /** What an interrupted erasure of this name has noted for the next one. */
  begun(name: string): Promise<string | null>;
  begin(name: string, text: string): Promise<void>;
  end(name: string): Promise<void>;
  /** Rewrites the append-only file, without what was removed, and waits for it. */
  rewriteAof(): Promise<'rewritten' | 'off' | 'refused' | 'not yet'>;
  close(): Promise<void>;
}

export function createEraser(o: { redisUrl: string; onError: OnError }): Eraser {
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
    jobs: (judge, mayRemove) =>
      eraseJobs(redis, queue, judge, { mayRemove, forget: forgetMessages }),
    streamEntries: (judge, mayRemove) => eraseStreamEntries(redis, judge, { mayRemove }),
    forgetMessages,
    begun: (name) => ask(() => client.get(begunKey(name))),
    begin: (name, text) =>
      ask(async () => {
        await client.set(begunKey(name), text, 'EX', BEGUN_SECONDS);
      }),
    end: (name) =>
      ask(async () => {
        await client.del(begunKey(name));
      }),
    rewriteAof: () => rewriteAof(redis),
    async close() {
      await queue.close().catch(o.onError);
      disconnect();
    },
  };
}

async function rewriteAof({ client, ask }: FailFastRedis): ReturnType<Eraser['rewriteAof']> {
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
