import type { Redis } from 'ioredis';
import { GROUP, leaseKey, streamKey, tallyKey } from './keys.ts';

/** One shard, for whoever watches the installation. */
export interface StreamFacts {
  shard: number;
  /** Entries that are there, read or not. */
  length: number;
  /** Read and not done yet. */
  pending: number;
  /** Not read yet. */
  lag: number;
  /** The worker that reads it; null when none does. */
  owner: string | null;
  /** Entries that somebody removed before they were done, ever. */
  lost: number;
}

const FACTS = `
local pending = 0
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if not groups.err then
  for _, group in ipairs(groups) do
    if group[2] == ARGV[1] then pending = group[6] end
  end
end
local length, added = redis.call('XLEN', KEYS[1]), 0
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not info.err then
  for i = 1, #info, 2 do if info[i] == 'entries-added' then added = info[i + 1] end end
end
local known = redis.call('HMGET', KEYS[3], 'done', 'lost')
local lost = tonumber(known[2] or 0)
if known[1] then lost = lost + math.max(0, added - length - known[1]) end
return {length, pending, redis.call('GET', KEYS[2]), lost}`;

export async function readStreamFacts(client: Redis, shardCount: number): Promise<StreamFacts[]> {
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  return Promise.all(
    shards.map(async (shard) => {
      const keys = [streamKey(shard), leaseKey(shard), tallyKey(shard)];
      const [length, pending, owner, lost] = (await client.eval(
        FACTS,
        keys.length,
        ...keys,
        GROUP,
      )) as [number, number, string | null, number];
      return { shard, length, pending, lag: Math.max(0, length - pending), owner, lost };
    }),
  );
}
