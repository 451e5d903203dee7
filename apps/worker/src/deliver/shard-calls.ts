import type { Producer, ShardBells } from '@contour/queue';
import type { Logger } from '@contour/runtime';

/** How a run learns that its shard has something new, in this process or in another one. */
export interface ShardCalls {
  /** These shards have something new: rings the runs that hold them, wherever they are, and wakes the other shards. */
  call(shards: readonly number[]): void;
  /** Rings the shards that this process listens for. A job in the queue wakes each of the others. */
  ringOrWake(shards: readonly number[]): void;
  /** Adds a job to the queue for each shard, for any worker that is free. */
  wake(shards: readonly number[]): void;
  /** Rings the shards that this process listens for. */
  ring(shards: readonly number[]): void;
  /** From now on `ring` is called for the shard. A second call while it listens changes nothing. */
  listen(shard: number, ring: () => void): void;
  /** Settles when no other process rings the shard any more. */
  stopListening(shard: number): Promise<void>;
}

/** Calls and wake-ups are hints. A duty of the workers wakes shards that stay due, so a lost hint only costs time. */
export function createShardCalls(deps: {
  producer: Pick<Producer, 'callDeliver' | 'wakeDeliver'>;
  bells: Pick<ShardBells, 'listen' | 'stopListening'>;
  logger: Pick<Logger, 'debug'>;
}): ShardCalls {
  const { producer, bells, logger } = deps;
  const listening = new Map<number, () => void>();
  const logFailure = (err: unknown) => logger.debug({ err }, 'deliver.wake_failed');

  /** Returns the shards that this process does not listen for. */
  const ringHere = (shards: readonly number[]): number[] =>
    shards.filter((shard) => {
      const ring = listening.get(shard);
      ring?.();
      return ring === undefined;
    });

  const wake = (shards: readonly number[]): void => {
    if (shards.length > 0) producer.wakeDeliver(shards).catch(logFailure);
  };

  return {
    call(shards) {
      const elsewhere = ringHere(shards);
      if (elsewhere.length > 0) producer.callDeliver(elsewhere).catch(logFailure);
    },
    ringOrWake: (shards) => wake(ringHere(shards)),
    wake,
    ring: (shards) => void ringHere(shards),
    listen(shard, ring) {
      if (listening.has(shard)) return;
      listening.set(shard, ring);
      bells.listen(shard);
    },
    async stopListening(shard) {
      if (listening.delete(shard)) await bells.stopListening(shard);
    },
  };
}
