import type { Redis } from 'ioredis';
import { leaseKey, MEMBERS_KEY } from './keys.ts';

// A worker that died is missed after this time, and its shards are free.
const ALIVE_MS = 4_000;

// The members in the order of their ids, dealt out by shard number: every worker comes to the same
// result, and it is even. A shard that is to move is kept until its owner has let go of it.
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
local shards = {}
for i = 2, #KEYS do
  local owner = redis.call('GET', KEYS[i])
  local isWanted = members[(i - 2) % #members + 1] == ARGV[1]
  if owner == ARGV[1] then
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
    shards[i - 1] = isWanted and 'held' or 'unwanted'
  elseif not owner and isWanted then
    redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
    shards[i - 1] = 'held'
  else
    shards[i - 1] = 'others'
  end
end
return shards`;

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

export type ShardState = 'held' | 'unwanted' | 'others';

/** Says that `id` lives, and what that makes of each shard. To be called about once a second. */
export async function beat(client: Redis, id: string, shardCount: number): Promise<ShardState[]> {
  const keys = Array.from({ length: shardCount }, (_, shard) => leaseKey(shard));
  const states = await client.eval(BEAT, keys.length + 1, MEMBERS_KEY, ...keys, id, ALIVE_MS);
  return states as ShardState[];
}

/** Gives a shard back before its time is up. */
export async function release(client: Redis, id: string, shard: number): Promise<void> {
  await client.eval(RELEASE, 1, leaseKey(shard), id);
}

/** Is no longer counted on, at once instead of after its time. */
export async function leave(client: Redis, id: string): Promise<void> {
  await client.zrem(MEMBERS_KEY, id);
}
