import type { Redis } from 'ioredis';
import { connectFailFast, type OnError } from './connection.ts';

const KEY = 'contour:workers';
const ALIVE_MS = 5000;

// Redis's own clock on both sides, so that the machines' clocks need not agree.
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

const BEAT = `${NOW}
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 60 * ARGV[2])`;

const COUNT = `${NOW}
return redis.call('ZCOUNT', KEYS[1], now - ARGV[1], '+inf')`;

/** How many workers have been heard of in the last 5 s. */
export async function countLiveWorkers(client: Redis): Promise<number> {
  return Number(await client.eval(COUNT, 1, KEY, ALIVE_MS));
}

export interface Presence {
  beat(): Promise<void>;
  /** Is gone at once instead of in 5 s, and ends the connection: the last call, and it never throws. */
  leave(): Promise<void>;
}

/** A worker's sign of life; it should beat about once a second. */
export function createPresence(o: { redisUrl: string; onError: OnError; id: string }): Presence {
  const { client, ask, disconnect } = connectFailFast(o.redisUrl, o.onError);
  return {
    beat: () =>
      ask(async () => {
        await client.eval(BEAT, 1, KEY, o.id, ALIVE_MS);
      }),
    leave: async () => {
      await ask(() => client.zrem(KEY, o.id)).catch(o.onError);
      disconnect();
    },
  };
}
