import type { Redis } from 'ioredis';
import { CONSUMER, GROUP, streamKey, tallyKey } from './keys.ts';

// Counted as done when it was ours to do, or is gone by our hand; an entry may be ended twice.
const END = `
local done = 0
for i = 2, #ARGV do
  local acked = redis.pcall('XACK', KEYS[1], ARGV[1], ARGV[i])
  local deleted = redis.call('XDEL', KEYS[1], ARGV[i])
  if acked == 1 or deleted == 1 then done = done + 1 end
end
redis.call('HINCRBY', KEYS[2], 'done', done)`;

/** Takes entries that are done out of the group and the stream. */
export async function endEntries(
  client: Redis,
  shard: number,
  ids: readonly string[],
): Promise<void> {
  await client.eval(END, 2, streamKey(shard), tallyKey(shard), GROUP, ...ids);
}

/**
 * Entries that could not even be tried are pending still, but this delivery does not count: it was not
 * they who failed.
 */
export async function uncountDelivery(
  client: Redis,
  shard: number,
  ids: readonly string[],
  deliveries: number,
): Promise<void> {
  const settings = ['RETRYCOUNT', deliveries - 1, 'JUSTID'] as const;
  await client.xclaim(streamKey(shard), GROUP, CONSUMER, 0, ...ids, ...settings);
}

/** Forgets pending entries that were trimmed away: they count as lost. */
export async function forgetTrimmed(
  client: Redis,
  shard: number,
  ids: readonly string[],
): Promise<void> {
  await client.xack(streamKey(shard), GROUP, ...ids);
}
