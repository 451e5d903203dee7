import type { Redis } from 'ioredis';
import { streamKey } from './keys.ts';

/** Where each shard's news begins. */
export type Positions = ReadonlyMap<number, string>;

type XReadArgs = ['COUNT', number, 'BLOCK', number, 'STREAMS', ...string[]];

/**
 * Waits until one of the shards has something new, and resolves with the ids seen. It takes nothing:
 * the owner reads.
 */
export async function awaitNews(
  client: Redis,
  positions: Positions,
  blockMs: number,
): Promise<Map<number, string>> {
  const shards = [...positions.keys()];
  const keys = shards.map(streamKey);
  const args = ['COUNT', 1, 'BLOCK', blockMs, 'STREAMS', ...keys, ...positions.values()];
  const news = await client.xread(...(args as XReadArgs));
  const seen = new Map<number, string>();
  for (const [key, entries] of news ?? []) {
    const shard = shards[keys.indexOf(key)];
    const id = entries.at(-1)?.[0];
    if (shard !== undefined && id !== undefined) seen.set(shard, id);
  }
  return seen;
}
