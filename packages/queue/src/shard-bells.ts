import type { Redis } from 'ioredis';
import { connectPatient, type OnError } from './connection.ts';
import { runPipeline } from './run-pipeline.ts';
import { settlesWithin } from './settles-within.ts';

const PREFIX = 'contour:bell:';
const bellOf = (shard: number) => `${PREFIX}${shard}`;

/** Whoever delivers a shard hears its bell: it need not be woken through the queue. */
export interface ShardBells {
  listen(shard: number): void;
  /** Settles when nothing more is heard, or when Redis does not say so in time. */
  stopListening(shard: number): Promise<void>;
  close(): void;
}

const DEAF_WITHIN_MS = 500;

export function createShardBells(o: {
  redisUrl: string;
  onError: OnError;
  onRing: (shard: number) => void;
}): ShardBells {
  const { client, disconnect } = connectPatient(o.redisUrl);
  client.on('error', o.onError);
  client.on('message', (bell) => o.onRing(Number(bell.slice(PREFIX.length))));
  return {
    listen(shard) {
      client.subscribe(bellOf(shard)).catch(() => undefined);
    },
    async stopListening(shard) {
      const deaf = client.unsubscribe(bellOf(shard)).catch(() => undefined);
      await settlesWithin(deaf, DEAF_WITHIN_MS);
    },
    close: disconnect,
  };
}

/** Rings the bells of these shards; returns those that nobody heard. */
export async function ringBells(client: Redis, shards: readonly number[]): Promise<number[]> {
  const pipeline = client.pipeline();
  for (const shard of shards) pipeline.publish(bellOf(shard), '');
  const heardBy = await runPipeline(pipeline);
  return shards.filter((_, place) => Number(heardBy[place]) === 0);
}
