import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { giveUpShard, leaseShards, leaveShards, releaseShard } from '../presence/leases.ts';
import {
  connectFailFast,
  connectPatient,
  type RedisAccess,
  settlesWithin,
} from '../redis/connect.ts';
import { openShard, streamKey } from './entries.ts';
import { type ShardDeps, ShardReader } from './read-shard.ts';

const BEAT_MS = 1_000;
/** After this long with one batch, the worker is stuck, or cut off from a server that others may reach. */
const STUCK_MS = 15_000;
/** The delay after a failure to ask Redis for news. */
const REST_MS = 1_000;
/** How long Redis waits for news. A shard that becomes idle meanwhile waits as long. */
const NEWS_MS = 250;
/** How often busy readers are looked at, as long as none of them waits for news. */
const BUSY_MS = 25;

interface StreamConsumerOptions extends RedisAccess, Omit<ShardDeps, 'signal'> {
  /** This worker's name among those that share the shards. */
  id: string;
  shardCount: number;
}

/** Reads the shards that fall to this worker, each in its own order, all of them side by side. */
export function createStreamConsumer(o: StreamConsumerOptions) {
  const { id, shardCount, onError, handle, onFailure, onLoss } = o;
  const redis = connectFailFast(o);
  const patient = connectPatient(o.redisUrl);
  const { client, ask } = redis;
  const readers = new Map<number, ShardReader>();
  const closing = new AbortController();
  const leaving = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();
  let watching: Promise<void> = Promise.resolve();

  function begin(shard: number): void {
    const deps = { signal: leaving.signal, handle, onFailure, onLoss };
    const reader = new ShardReader(openShard(redis, id, shard), deps);
    readers.set(shard, reader);
    void reader.done.finally(() => readers.delete(shard));
  }

  /** Renews this worker's leases, begins to read its new shards, and stops reading those that are to move. */
  async function beat(): Promise<void> {
    if (closing.signal.aborted) return;
    for (const [shard, reader] of readers) {
      // Another worker gets the same entries, and the ledger recognises them as duplicates.
      if (reader.inHandMs() > STUCK_MS) await ask(() => giveUpShard(client, id, shard));
    }
    const states = await ask(() => leaseShards(client, id, shardCount));
    for (const [shard, state] of states.entries()) {
      const reader = readers.get(shard);
      if (state === 'held' && !reader && !closing.signal.aborted) begin(shard);
      if (state !== 'unwanted') continue; // the reader of a lost shard finds out by itself
      if (reader) reader.stop();
      // Releasing it failed before. Without this our beats would renew the lease for ever.
      else await ask(() => releaseShard(client, id, shard));
    }
  }

  return {
    start(): void {
      const tick = () => {
        beating = beating.then(beat).catch(onError);
      };
      tick();
      timer = setInterval(tick, BEAT_MS);
      watching = watchNews(patient.client, readers, closing.signal, onError);
    },
    /** Ends after the batches in hand. At the deadline it leaves them to other workers. */
    async close(deadlineMs: number): Promise<boolean> {
      closing.abort();
      clearInterval(timer);
      await beating;
      await ask(() => leaveShards(client, id)).catch(onError);
      const all = [...readers.values()];
      for (const reader of all) reader.stop();
      const ended = Promise.all(all.map((reader) => reader.done));
      const drained = await settlesWithin(ended, deadlineMs);
      leaving.abort();
      patient.disconnect();
      await settlesWithin(Promise.all([ended, watching]), REST_MS);
      redis.disconnect();
      return drained;
    },
  };
}

type XReadArgs = ['COUNT', number, 'BLOCK', number, 'STREAMS', ...string[]];

/** Wakes idle readers whose shards have new entries. One question to Redis is for all. It takes nothing: readers do. */
async function watchNews(
  client: Redis,
  readers: ReadonlyMap<number, ShardReader>,
  closing: AbortSignal,
  onError: RedisAccess['onError'],
): Promise<void> {
  const rest = (ms: number) => delay(ms, undefined, { signal: closing }).catch(() => undefined);
  while (!closing.aborted) {
    const idle = [...readers].filter(([, { isIdle }]) => isIdle);
    if (idle.length === 0) {
      await rest(BUSY_MS);
      continue;
    }
    const keys = idle.map(([shard]) => streamKey(shard));
    const positions = idle.map(([, { lastId }]) => lastId);
    const args = ['COUNT', 1, 'BLOCK', NEWS_MS, 'STREAMS', ...keys, ...positions];
    try {
      const news = (await client.xread(...(args as XReadArgs))) ?? [];
      for (const [key, [entry]] of news) {
        if (entry !== undefined) idle[keys.indexOf(key)]?.[1].wake(entry[0]);
      }
    } catch (error) {
      if (closing.aborted) return;
      onError(error as Error);
      await rest(REST_MS);
    }
  }
}
