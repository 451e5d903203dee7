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

/**
 * Gives a sign of life, renews this worker's leases, and takes free shards that fall to it. Returns the state of each
 * shard: `unwanted` is held by this worker but falls to another one. Call it about once a second.
 */
export async function leaseShards(client: Redis, id: string, shardCount: number) {
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  const keys = [MEMBERS_KEY, ...shards.map(leaseKey), ...shards.map(avoidKey)];
  const states = await LEASE_SHARDS.run(client, keys, [id, ALIVE_MS]);
  return states as Array<'held' | 'unwanted' | 'others'>;
}

/** Releases a shard before its lease ends. */
export const releaseShard = (client: Redis, id: string, shard: number, avoidedMs = 0) =>
  RELEASE_SHARD.run(client, [leaseKey(shard), avoidKey(shard)], [id, avoidedMs]);

/** Gives up a shard that this worker is stuck with. Call it again for as long as the worker is stuck. */
export const giveUpShard = (client: Redis, id: string, shard: number) =>
  releaseShard(client, id, shard, AVOIDED_MS);

/** Removes this worker from the members at once instead of after 4 s. */
export const leaveShards = (client: Redis, id: string) => client.zrem(MEMBERS_KEY, id);
