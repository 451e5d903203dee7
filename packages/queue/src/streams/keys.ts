export const GROUP = 'contour';

/**
 * Whoever holds a shard reads as this one consumer: what one owner leaves pending is the next one's
 * own, in its order, and nothing has to be claimed.
 */
export const CONSUMER = 'owner';

export const streamKey = (shard: number) => `contour:resolve:${shard}`;
export const leaseKey = (shard: number) => `contour:resolve:${shard}:owner`;
/** Names the worker that is stuck with a batch of this shard, so that it does not get the shard. */
export const avoidKey = (shard: number) => `contour:resolve:${shard}:avoid`;
/** What has been read and lost, so that entries which somebody trimmed away do not go unnoticed. */
export const tallyKey = (shard: number) => `contour:resolve:${shard}:tally`;
export const MEMBERS_KEY = 'contour:stream-workers';
