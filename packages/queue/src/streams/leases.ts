import type { Redis } from 'ioredis';
import { avoidKey, leaseKey, MEMBERS_KEY } from './keys.ts';

/** How long after a worker was last stuck with a shard it may have the shard again. */
const AVOIDED_MS = 15_000;

// A worker that died is missed after this time, and its shards are free.
const ALIVE_MS = 4_000;

// The members in the order of their ids, dealt out by shard number: every worker comes to the same
// result, and it is even. A shard that is to move is kept until its owner has let go of it. A member that is stuck with
// a shard is passed over, unless it is the only one.
// Redis's own clock, so that the machines' clocks need not agree; it may have been set back, too.
// To remove comes first: a full Redis refuses a script that begins by adding, but must be read empty.
const BEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + ARGV[2], '+inf')
redis.call('ZADD', KEYS[1], now, ARGV[1])
local members = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(members)
local count = (#KEYS - 1) / 2
local shards = {}
for i = 1, count do
  local lease = KEYS[i + 1]
  local owner = redis.call('GET', lease)
  local wanted = members[(i - 1) % #members + 1]
  if wanted == redis.call('GET', KEYS[i + 1 + count]) then wanted = members[i % #members + 1] end
  if owner == ARGV[1] then
    redis.call('PEXPIRE', lease, ARGV[2])
    shards[i] = wanted == ARGV[1] and 'held' or 'unwanted'
  elseif not owner and wanted == ARGV[1] then
    redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
    shards[i] = 'held'
  else
    shards[i] = 'others'
  end
end
return shards`;

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

// Removes the lease first: a full Redis refuses a script that begins by adding.
const GIVE_UP = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])`;

export type ShardState = 'held' | 'unwanted' | 'others';

/** Says that `id` lives, and what that makes of each shard. To be called about once a second. */
export async function beat(client: Redis, id: string, shardCount: number): Promise<ShardState[]> {
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  const keys = [MEMBERS_KEY, ...shards.map(leaseKey), ...shards.map(avoidKey)];
  const states = await client.eval(BEAT, keys.length, ...keys, id, ALIVE_MS);
  return states as ShardState[];
}

/** Gives a shard back before its time is up. */
export async function release(client: Redis, id: string, shard: number): Promise<void> {
  await client.eval(RELEASE, 1, leaseKey(shard), id);
}

/** Gives up a shard that this worker is stuck with. Call it again for as long as the worker is stuck. */
export async function giveUpShard(client: Redis, id: string, shard: number): Promise<void> {
  await client.eval(GIVE_UP, 2, leaseKey(shard), avoidKey(shard), id, AVOIDED_MS);
}

/** Is no longer counted on, at once instead of after its time. */
export async function leave(client: Redis, id: string): Promise<void> {
  await client.zrem(MEMBERS_KEY, id);
}
