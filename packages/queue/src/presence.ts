import type { Redis } from 'ioredis';
import { connectFailFast, type OnError } from './connection.ts';

const KEY = 'contour:workers';
const ALIVE_MS = 5000;
const ACCEPTED_KEY = 'contour:core-accepted';
const ACCEPTED_KEPT_MS = 24 * 60 * 60_000;

// Redis's own clock on both sides, so that the machines' clocks need not agree.
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

const BEAT = `${NOW}
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 60 * ARGV[2])
local latest = tonumber(redis.call('GET', KEYS[2]) or '-1')
if latest > now then latest = -1 end
local own = tonumber(ARGV[3])
if own > latest and own <= now then
  latest = own
  redis.call('SET', KEYS[2], string.format('%d', latest), 'PX', ARGV[4])
end
return {now, latest}`;

const COUNT = `${NOW}
return redis.call('ZCOUNT', KEYS[1], now - ARGV[1], '+inf')`;

/** How many workers have been heard of in the last 5 s. */
export async function countLiveWorkers(client: Redis): Promise<number> {
  return Number(await client.eval(COUNT, 1, KEY, ALIVE_MS));
}

export interface Presence {
  /**
   * Tells, from the second beat on, how long ago the latest message was sent that Core has accepted from this worker.
   * Returns the same of all workers, too long rather than too short; null if none is known.
   */
  beat(acceptedAgoMs?: number | null): Promise<number | null>;
  /** Is gone at once instead of in 5 s, and ends the connection: the last call, and it never throws. */
  leave(): Promise<void>;
}

/** A worker's sign of life; it should beat about once a second. */
export function createPresence(o: { redisUrl: string; onError: OnError; id: string }): Presence {
  const { client, ask, disconnect } = connectFailFast(o.redisUrl, o.onError);
  /** How far Redis's clock is ahead of ours, too little rather than too much: a late beat must not report a later time. */
  let redisAheadMs: number | null = null;
  return {
    beat(acceptedAgoMs = null) {
      const acceptedAt = acceptedAgoMs === null ? null : performance.now() - acceptedAgoMs;
      return ask(async () => {
        const own =
          acceptedAt === null || redisAheadMs === null ? -1 : Math.floor(acceptedAt + redisAheadMs);
        const askedAt = performance.now();
        const given = [o.id, ALIVE_MS, own, ACCEPTED_KEPT_MS];
        const answer = await client.eval(BEAT, 2, KEY, ACCEPTED_KEY, ...given);
        const [now, latest] = answer as [number, number];
        const answeredAt = performance.now();
        redisAheadMs = now - answeredAt;
        // Both are whole milliseconds, rounded down.
        return latest < 0 ? null : answeredAt - askedAt + now - latest + 1;
      });
    },
    leave: async () => {
      await ask(() => client.zrem(KEY, o.id)).catch(o.onError);
      disconnect();
    },
  };
}
