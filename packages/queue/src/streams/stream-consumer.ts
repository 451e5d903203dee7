import { setTimeout as delay } from 'node:timers/promises';
import { connectFailFast, connectPatient, type OnError } from '../connection.ts';
import { awaitNews } from './await-news.ts';
import { beat, giveUpShard, leave, release } from './leases.ts';
import { readShard, type ShardDeps, type ShardReader } from './read-shard.ts';

const BEAT_MS = 1_000;
/** After this long with one batch, the worker is stuck with it, or cut off from a server that others may reach. */
const STUCK_MS = 15_000;
/** So long after a failure Redis is asked for news again. */
const REST_MS = 1_000;
/** How long Redis is asked to hold a question for news; a shard that joins meanwhile waits as long. */
const NEWS_MS = 250;
/** So long nobody is asked for news while no shard waits for any. */
const BUSY_MS = 25;

export interface StreamConsumer {
  start(): void;
  /** Ends after the batches in hand, or leaves them at the deadline: they come again elsewhere. */
  close(deadlineMs: number): Promise<boolean>;
}

interface StreamConsumerOptions extends Pick<ShardDeps, 'handle' | 'onFailure' | 'onLoss'> {
  redisUrl: string;
  /** This worker's name among those that share the shards. */
  id: string;
  shardCount: number;
  onError: OnError;
}

/** Reads the shards that fall to this worker, each in its own order, many side by side. */
export function createStreamConsumer(o: StreamConsumerOptions): StreamConsumer {
  const { id, shardCount, onError, handle, onFailure, onLoss } = o;
  const redis = connectFailFast(o.redisUrl, onError);
  const patient = connectPatient(o.redisUrl);
  const { client, ask } = redis;
  const readers = new Map<number, ShardReader>();
  const abort = new AbortController();
  const { signal } = abort;
  let isClosing = false;
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();
  let watching: Promise<void> = Promise.resolve();

  const rest = (ms: number) => delay(ms, undefined, { signal }).catch(() => undefined);

  function begin(shard: number): void {
    const deps = { redis, owner: id, signal, handle, onFailure, onLoss };
    const reader = readShard(shard, deps);
    readers.set(shard, reader);
    void reader.done.finally(() => readers.delete(shard));
  }

  /** Says that this worker lives, and follows what that makes of each shard. */
  async function look(): Promise<void> {
    if (isClosing) return;
    for (const [shard, reader] of readers) {
      // Another worker gets the same entries, and the ledger recognises them as repeats.
      if (reader.inHandMs() > STUCK_MS) await ask(() => giveUpShard(client, id, shard));
    }
    const states = await ask(() => beat(client, id, shardCount));
    for (const [shard, state] of states.entries()) {
      const reader = readers.get(shard);
      if (state === 'held' && !reader && !isClosing) begin(shard);
      if (state !== 'unwanted') continue; // what is another's, its reader finds out by itself
      if (reader) reader.stop();
      // To give it back has failed before: our beats would keep it from everybody for ever.
      else await ask(() => release(client, id, shard));
    }
  }

  function idleShards(): Map<number, string> {
    const positions = new Map<number, string>();
    for (const [shard, reader] of readers) {
      const position = reader.awaits();
      if (position !== null) positions.set(shard, position);
    }
    return positions;
  }

  async function watch(): Promise<void> {
    while (!isClosing) {
      const positions = idleShards();
      if (positions.size === 0) {
        await rest(BUSY_MS);
        continue;
      }
      try {
        const seen = await awaitNews(patient.client, positions, NEWS_MS);
        for (const [shard, lastId] of seen) {
          // News once: what another consumer has in hand would be news for ever.
          readers.get(shard)?.hasSeen(lastId);
          readers.get(shard)?.wake();
        }
      } catch (error) {
        if (isClosing) return;
        onError(error as Error);
        await rest(REST_MS);
      }
    }
  }

  return {
    start() {
      const tick = () => {
        beating = beating.then(look).catch(onError);
      };
      tick();
      timer = setInterval(tick, BEAT_MS);
      watching = watch();
    },
    async close(deadlineMs) {
      isClosing = true;
      clearInterval(timer);
      await beating;
      await ask(() => leave(client, id)).catch(onError);
      const all = [...readers.values()];
      for (const reader of all) reader.stop();
      const ended = Promise.all(all.map((reader) => reader.done)).then(() => true);
      const drained = await Promise.race([ended, delay(deadlineMs, false, { ref: false })]);
      abort.abort();
      patient.disconnect();
      await Promise.race([
        Promise.all([ended, watching]),
        delay(REST_MS, undefined, { ref: false }),
      ]);
      redis.disconnect();
      return drained;
    },
  };
}
