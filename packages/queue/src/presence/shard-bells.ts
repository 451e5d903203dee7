import type { Redis } from 'ioredis';
import { connectPatient, type OnError, runPipeline, settlesWithin } from '../redis/connect.ts';

const PREFIX = 'contour:bell:';
const bellOf = (shard: number) => `${PREFIX}${shard}`;

const DEAF_WITHIN_MS = 500;

export type ShardBells = ReturnType<typeof createShardBells>;

/** A pub/sub channel per shard. The worker that delivers a shard listens, and needs no wake-up job. */
export function createShardBells(o: {
  redisUrl: string;
  onError: OnError;
  onRing: (shard: number) => void;
}) {
  const { client, disconnect } = connectPatient(o.redisUrl);
  client.on('error', o.onError);
  client.on('message', (bell) => o.onRing(Number(bell.slice(PREFIX.length))));
  return {
    listen(shard: number): void {
      client.subscribe(bellOf(shard)).catch(() => undefined);
    },
    /** Settles when the shard is no longer heard, or after half a second without an answer from Redis. */
    async stopListening(shard: number): Promise<void> {
      const deaf = client.unsubscribe(bellOf(shard)).catch(() => undefined);
      await settlesWithin(deaf, DEAF_WITHIN_MS);
    },
    close: disconnect,
  };
}

/** Rings the bells of these shards. Returns the shards that no worker listens for. */
export async function ringBells(client: Redis, shards: readonly number[]): Promise<number[]> {
  const pipeline = client.pipeline();
  for (const shard of shards) pipeline.publish(bellOf(shard), '');
  const listeners = await runPipeline(pipeline);
  return shards.filter((_, index) => Number(listeners[index]) === 0);
}
