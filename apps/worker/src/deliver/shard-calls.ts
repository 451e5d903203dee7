import type { ShardBells } from '@contour/queue/jobs';
import type { Producer } from '@contour/queue/producer';
import type { Logger } from '@contour/runtime';

type Shards = readonly number[];

/**
 * How a run learns that its shard has something new, in this process or in another one. Calls and wake-ups are hints. A
 * duty of the workers wakes shards that stay due, so a lost hint only costs time.
 */
export function createShardCalls(deps: {
  producer: Pick<Producer, 'ringDeliver' | 'wakeDeliver'>;
  bells: Pick<ShardBells, 'listen' | 'stopListening'>;
  logger: Pick<Logger, 'debug'>;
}) {
  const { producer, bells, logger } = deps;
  const listening = new Map<number, () => void>();
  const logFailure = (err: unknown) => logger.debug({ err }, 'deliver.wake_failed');

  /** Returns the shards that this process does not listen for. */
  const ringHere = (shards: Shards): number[] =>
    shards.filter((shard) => {
      const ring = listening.get(shard);
      ring?.();
      return ring === undefined;
    });

  const wake = (shards: Shards): void => {
    if (shards.length > 0) producer.wakeDeliver(shards).catch(logFailure);
  };

  return {
    /** These shards have something new: rings the runs that hold them, wherever they are, and wakes the other shards. */
    call(shards: Shards): void {
      const elsewhere = ringHere(shards);
      if (elsewhere.length > 0) producer.ringDeliver(elsewhere).catch(logFailure);
    },
    /** Rings the shards that this process listens for. A job in the queue wakes each of the others. */
    ringOrWake: (shards: Shards): void => wake(ringHere(shards)),
    /** Adds a job to the queue for each shard, for any worker that is free. */
    wake,
    /** Rings the shards that this process listens for. */
    ring: (shards: Shards): void => void ringHere(shards),
    /** From now on `ring` is called for the shard. A second call while it listens changes nothing. */
    listen(shard: number, ring: () => void): void {
      if (listening.has(shard)) return;
      listening.set(shard, ring);
      bells.listen(shard);
    },
    /** Settles when no other process rings the shard any more. */
    async stopListening(shard: number): Promise<void> {
      if (listening.delete(shard)) await bells.stopListening(shard);
    },
  };
}
