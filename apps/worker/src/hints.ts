import type { ShardBells } from '@contour/queue/jobs';
import type { Producer } from '@contour/queue/producer';
import { createBatcher, type Logger } from '@contour/runtime';

/*
 * What a worker writes to Redis after a commit. No message waits for it, and nothing is wrong if it is lost: a duty
 * finds what was not woken, and a note or a count that stays is corrected later.
 */

/** New clients come in swarms. The graph is woken once for all that come in this time. */
const GRAPH_WAKE_MS = 200;
/** Notes and counts that are written later are written this many at a time. */
const LATER_BATCH_SIZE = 500;

type Shards = readonly number[];

/** How a run learns that its shard has something new, in this process or in another one. */
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

  return {
    /** These shards have something new: rings the runs that hold them, wherever they are, and wakes the other shards. */
    call(shards: Shards): void {
      const elsewhere = ringHere(shards);
      if (elsewhere.length > 0) producer.ringDeliver(elsewhere).catch(logFailure);
    },
    /** Rings the shards that this process listens for. Each of the others gets a job, for any worker that is free. */
    ringOrWake(shards: Shards): void {
      const others = ringHere(shards);
      if (others.length > 0) producer.wakeDeliver(others).catch(logFailure);
    },
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

/** Wakes the graph a little later, once for several calls. A pending wake-up does not keep the process alive. */
export function createGraphCall({ wakeGraph }: Producer, logger: Logger): () => void {
  let isDue = false;
  const wake = () => {
    isDue = false;
    wakeGraph().catch((err) => logger.debug({ err }, 'graph.wake_failed'));
  };
  return () => {
    if (!isDue) setTimeout(wake, GRAPH_WAKE_MS).unref();
    isDue = true;
  };
}

/** Gathers items and writes many at once, up to `withinMs` later. The caller does not wait for the write. */
export function writeLater(
  write: (items: readonly string[]) => Promise<void>,
  { withinMs = 0, onFailure }: { withinMs?: number; onFailure: (error: unknown) => void },
): (item: string) => void {
  const batcher = createBatcher<string, void>({
    maxSize: LATER_BATCH_SIZE,
    maxInFlight: 1,
    run: async (items) => {
      await write(items);
      return items.map(() => undefined);
    },
  });
  return (item) => void batcher.push(item, withinMs).catch(onFailure);
}
