import type { Redis } from 'ioredis';
import { leaseKey } from '../presence/leases.ts';
import { loadScript } from '../redis/connect.ts';
import { GROUP, streamKey, tallyKey } from './entries.ts';

/** The state of one shard. */
export interface StreamFacts {
  shard: number;
  /** Entries in the stream, read or not. */
  length: number;
  /** Read and not done yet. */
  pending: number;
  /** Not read yet. */
  lag: number;
  /** The worker that reads it; null if none does. */
  owner: string | null;
  /** Entries that another program removed before they were done, ever. */
  lost: number;
}

const FACTS = loadScript(import.meta.dirname, 'tally.lua', 'shard-facts.lua');

export async function readStreamFacts(client: Redis, shardCount: number): Promise<StreamFacts[]> {
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  return Promise.all(
    shards.map(async (shard) => {
      const keys = [streamKey(shard), leaseKey(shard), tallyKey(shard)];
      const facts = await FACTS.run(client, keys, [GROUP]);
      const [length, pending, owner, lost] = facts as [number, number, string | null, number];
      return { shard, length, pending, lag: Math.max(0, length - pending), owner, lost };
    }),
  );
}
