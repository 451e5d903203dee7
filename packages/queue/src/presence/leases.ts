import type { Redis } from 'ioredis';
import { loadScript } from '../redis/connect.ts';

/*
 * A lease says which worker reads a stream shard. Workers renew their leases about once a second. Redis's clock decides.
 */
const ALIVE_MS = 4_000;
/** How long after a worker was last stuck with a shard it may have the shard again. */
const AVOIDED_MS = 15_000;

const MEMBERS_KEY = 'contour:stream-workers';
export const leaseKey = (shard: number) => `contour:resolve:${shard}:owner`;
/** Names the worker that is stuck with a batch of this shard, so that it does not get the shard. */
const avoidKey = (shard: number) => `contour:resolve:${shard}:avoid`;

const LEASE_SHARDS = loadScript(import.meta.dirname, 'lease-shards.lua');
const RELEASE_SHARD = loadScript(import.meta.dirname, 'release-shard.lua');
const GIVE_UP_SHARD = loadScript(import.meta.dirname, 'give-up-shard.lua');

export type ShardState = 'held' | 'unwanted' | 'others';

/**
 * Gives a sign of life, renews this worker's leases, and takes free shards that fall to it. Returns the state of each
 * shard: `unwanted` is held by this worker but falls to another one. Call it about once a second.
 */
export async function leaseShards(
  client: Redis,
  id: string,
  shardCount: number,
): Promise<ShardState[]> {
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  const keys = [MEMBERS_KEY, ...shards.map(leaseKey), ...shards.map(avoidKey)];
  return (await LEASE_SHARDS.run(client, keys, [id, ALIVE_MS])) as ShardState[];
}

/** Releases a shard before its lease ends. */
export async function releaseShard(client: Redis, id: string, shard: number): Promise<void> {
  await RELEASE_SHARD.run(client, [leaseKey(shard)], [id]);
}

/** Gives up a shard that this worker is stuck with. Call it again for as long as the worker is stuck. */
export async function giveUpShard(client: Redis, id: string, shard: number): Promise<void> {
  await GIVE_UP_SHARD.run(client, [leaseKey(shard), avoidKey(shard)], [id, AVOIDED_MS]);
}

/** Removes this worker from the members at once instead of after 4 s. */
export async function leaveShards(client: Redis, id: string): Promise<void> {
  await client.zrem(MEMBERS_KEY, id);
}
