import type { Redis } from 'ioredis';
import { connectFailFast, loadScript, type RedisAccess } from '../redis/connect.ts';

const WORKERS_KEY = 'contour:workers';
const ALIVE_MS = 5000;
const ACCEPTED_KEY = 'contour:core-accepted';
const ACCEPTED_KEPT_MS = 24 * 60 * 60_000;

const BEAT = loadScript(import.meta.dirname, 'beat.lua');

/** Redis's clock. */
export async function redisTimeMs(client: Redis): Promise<number> {
  const [seconds = 0, microseconds = 0] = await client.time();
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

/** How many workers gave a sign of life in the last 5 s. */
export const countLiveWorkers = async (client: Redis): Promise<number> =>
  client.zcount(WORKERS_KEY, (await redisTimeMs(client)) - ALIVE_MS, '+inf');

/** A worker's sign of life. Call `beat` about once a second. */
export function createPresence({ id, ...redis }: RedisAccess & { id: string }) {
  const { client, ask, disconnect } = connectFailFast(redis);
  /** How far Redis's clock is ahead of ours, rounded down: a late beat must not report a later time. */
  let redisAheadMs: number | null = null;
  return {
    /**
     * Gives a sign of life. From the second beat on it shares how long ago the latest message was sent that Core has
     * accepted from this worker. Returns the same of all workers, rounded up; null if none is known.
     */
    beat(acceptedAgoMs: number | null = null): Promise<number | null> {
      const calledAt = performance.now();
      return ask(async () => {
        const own =
          acceptedAgoMs === null || redisAheadMs === null
            ? -1
            : Math.floor(calledAt - acceptedAgoMs + redisAheadMs);
        const askedAt = performance.now();
        const args = [id, ALIVE_MS, own, ACCEPTED_KEPT_MS];
        const answer = await BEAT.run(client, [WORKERS_KEY, ACCEPTED_KEY], args);
        const [now, latest] = answer as [number, number];
        const answeredAt = performance.now();
        redisAheadMs = now - answeredAt;
        // Both are whole milliseconds, rounded down.
        return latest < 0 ? null : answeredAt - askedAt + now - latest + 1;
      });
    },
    /** Removes the worker at once instead of after 5 s, and ends the connection. The last call. It never throws. */
    leave: async () => {
      await ask(() => client.zrem(WORKERS_KEY, id)).catch(redis.onError);
      disconnect();
    },
  };
}
