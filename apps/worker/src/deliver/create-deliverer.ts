import type { Core } from '@contour/core';
import type { Logger, Tracer } from '@contour/runtime';
import type { Pool } from '@contour/store';
import type { DeliveryMetrics } from '../metrics/delivery-metrics.ts';
import { type Bell, createBell } from './bell.ts';
import { createSettler } from './create-settler.ts';
import type { DialogDeps } from './deliver-dialog.ts';
import { createFreezeGuard } from './freeze-guard.ts';
import { runShard } from './run-shard.ts';
import { createSlots } from './slots.ts';

// Shorter than the lock of a shard's job: a process that stood still for this long may have lost it.
const LONGEST_FREEZE_MS = 5_000;

interface DelivererDeps {
  pool: Pool;
  core: Core;
  logger: Logger;
  metrics: DeliveryMetrics;
  tracer: Tracer | undefined;
  stopping: AbortSignal;
  concurrency: number;
  maxAttempts: number;
  retryDelayMs: DialogDeps['retryDelayMs'];
  bury: DialogDeps['bury'];
  /** Asks for another run of these shards, by whichever worker is free. */
  wake: (shards: readonly number[]) => void;
}

export interface Deliverer {
  run(shard: number, signal: AbortSignal): Promise<void>;
  /** Rings the shards that run in this process, and returns the ones that do not. */
  ring(shards: readonly number[]): number[];
}

/** Runs shards, several side by side, on one set of places and one settler. */
export function createDeliverer(deps: DelivererDeps): Deliverer {
  const { pool, core, logger, tracer, stopping, concurrency, wake } = deps;
  const bells = new Map<number, Bell>();
  const slots = createSlots(concurrency, () => {
    for (const bell of bells.values()) bell.ring();
  });
  const settle = createSettler({ pool, logger, metrics: deps.metrics, stopping });

  return {
    async run(shard, signal) {
      // A run that lost its job without knowing is still at work here: one at a time.
      if (bells.has(shard)) return;
      const bell = createBell();
      const guard = createFreezeGuard(LONGEST_FREEZE_MS);
      bells.set(shard, bell);
      const mustStop = () => stopping.aborted || signal.aborted || guard.wasFrozen();
      const { maxAttempts, retryDelayMs, bury } = deps;
      const coreIsAvailable = () => core.available();
      const shardDeps = {
        pool,
        core,
        logger,
        metrics: deps.metrics,
        tracer,
        settle,
        slots,
        bell,
        maxAttempts,
        retryDelayMs,
        bury,
      };
      try {
        const end = await runShard({ ...shardDeps, mustStop, coreIsAvailable }, shard);
        if (end === 'more') wake([shard]);
      } finally {
        guard.stop();
        bells.delete(shard);
      }
    },
    ring(shards) {
      return shards.filter((shard) => {
        bells.get(shard)?.ring();
        return !bells.has(shard);
      });
    },
  };
}
