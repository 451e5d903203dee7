import type { Core } from '@contour/core';
import type { ShardBells } from '@contour/queue';
import type { Logger, Tracer } from '@contour/runtime';
import type { LaneMarks, Pool } from '@contour/store';
import type { DeliveryMetrics } from '../metrics/delivery-metrics.ts';
import { type Bell, createBell } from './bell.ts';
import { createBytesInHand } from './bytes-in-hand.ts';
import { createSettler } from './create-settler.ts';
import { createTaker } from './create-taker.ts';
import type { DialogDeps } from './deliver-dialog.ts';
import { createFreezeGuard } from './freeze-guard.ts';
import { runShard } from './run-shard.ts';
import { createSlots } from './slots.ts';

// Shorter than the lock of a shard's job: a process that stood still for this long may have lost it.
const LONGEST_FREEZE_MS = 5_000;

/** Bound of the payloads in hand. Their text in memory may take twice as much. */
const MOST_BYTES = 16 * 1024 * 1024;

interface DelivererDeps {
  pool: Pool;
  /** Has a short lock_timeout: a row that is locked for longer delays only its own tenant. */
  settlePool: Pool;
  core: Core;
  logger: Logger;
  metrics: DeliveryMetrics;
  tracer: Tracer | undefined;
  stopping: AbortSignal;
  concurrency: number;
  marks: LaneMarks;
  maxAttempts: number;
  retryDelayMs: DialogDeps['retryDelayMs'];
  /** Asks for another run of these shards, by whichever worker is free. */
  wake: (shards: readonly number[]) => void;
  /** How other processes reach a shard that runs here. */
  calls: Pick<ShardBells, 'listen' | 'stopListening'>;
}

export interface Deliverer {
  run(shard: number, signal: AbortSignal): Promise<void>;
  /** Rings the shards that this process listens for, and returns the others. */
  ring(shards: readonly number[]): number[];
}

/** Runs shards, several side by side, on one set of places and one settler. */
export function createDeliverer(deps: DelivererDeps): Deliverer {
  const { pool, core, logger, tracer, stopping, concurrency, wake, calls } = deps;
  const bells = new Map<number, Bell>();
  /** A run that ends has its bell to the last, but is not to be called any more. */
  const listening = new Set<number>();
  const ringAll = () => {
    for (const bell of bells.values()) bell.ring();
  };
  const slots = createSlots(concurrency, ringAll);
  const bytes = createBytesInHand(MOST_BYTES);
  // A run that waits has to notice that it must end.
  const nudgeAll = () => {
    for (const bell of bells.values()) bell.nudge();
  };
  stopping.addEventListener('abort', nudgeAll, { once: true });
  const take = createTaker({ pool, slots, core, bytes, marks: deps.marks });
  const settle = createSettler({
    pool: deps.settlePool,
    logger,
    metrics: deps.metrics,
    stopping,
  });

  return {
    async run(shard, signal) {
      // A run that lost its job without knowing is still at work here: one at a time.
      if (bells.has(shard)) return;
      const bell = createBell();
      const guard = createFreezeGuard(LONGEST_FREEZE_MS);
      bells.set(shard, bell);
      signal.addEventListener('abort', bell.nudge, { once: true });
      const mustStop = () => stopping.aborted || signal.aborted || guard.wasFrozen();
      const { maxAttempts, retryDelayMs } = deps;
      const coreIsAvailable = () => core.available();
      const shardDeps = {
        take,
        core,
        logger,
        metrics: deps.metrics,
        tracer,
        settle,
        slots,
        bytes,
        bell,
        maxAttempts,
        retryDelayMs,
        listen() {
          listening.add(shard);
          calls.listen(shard);
        },
        async stopListening() {
          if (listening.delete(shard)) await calls.stopListening(shard);
        },
      };
      try {
        const end = await runShard({ ...shardDeps, mustStop, coreIsAvailable }, shard);
        if (end === 'more') wake([shard]);
      } finally {
        guard.stop();
        signal.removeEventListener('abort', bell.nudge);
        bells.delete(shard);
      }
    },
    ring(shards) {
      return shards.filter((shard) => {
        if (!listening.has(shard)) return true;
        bells.get(shard)?.ring();
        return false;
      });
    },
  };
}
