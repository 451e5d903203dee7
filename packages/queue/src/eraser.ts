import { connectFailFast, type OnError } from './connection.ts';
import { eraseJobs } from './erase/erase-jobs.ts';
import { eraseStreamEntries } from './erase/erase-stream-entries.ts';
import { type Hits, type Judge, PAGE } from './erase/hits.ts';
import { rewriteAof } from './erase/rewrite-aof.ts';
import { openQueue } from './open-queue.ts';
import { queuedKey } from './queued-notes.ts';

/** Long enough for an operator to come back to an erasure that was cut off. */
const BEGUN_SECONDS = 7 * 24 * 60 * 60;

/** Looks for somebody in what waits in Redis. Every step throws AppError('redis_unavailable'). */
export interface Eraser {
  /** Jobs of `resolve`, whatever their state. One that a worker has in hand is not removed. */
  jobs(judge: Judge, mayRemove: boolean): Promise<Hits>;
  streamEntries(judge: Judge, mayRemove: boolean): Promise<Hits>;
  /** Removes the notes that senders of these messages got the answer `queued`. */
  forgetMessages(messageIds: readonly string[]): Promise<void>;
  /** What an erasure of this name has noted for the next one, in case that it is cut off. */
  begun(name: string): Promise<string | null>;
  begin(name: string, text: string): Promise<void>;
  end(name: string): Promise<void>;
  rewriteAof(): ReturnType<typeof rewriteAof>;
  close(): Promise<void>;
}

const begunKey = (name: string) => `contour:erasing:${name}`;

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
