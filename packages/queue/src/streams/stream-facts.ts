import type { Redis } from 'ioredis';
import { GROUP, leaseKey, streamKey, tallyKey } from './keys.ts';
import { TALLY } from './tally.ts';

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

const FACTS = `${TALLY}
local pending = 0
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if not groups.err then
  for _, group in ipairs(groups) do
    if group[2] == ARGV[1] then pending = group[6] end
  end
end
local is = count(KEYS[1], KEYS[3])
return {redis.call('XLEN', KEYS[1]), pending, redis.call('GET', KEYS[2]), is and is.total or 0}`;

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
