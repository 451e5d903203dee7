import { retryDelayMs } from '@contour/core';
import { createDeliverConsumer } from '@contour/queue/jobs';
import { createLaneMarks, dueShards, type LaneMarks, settle, takeDue } from '@contour/store/lanes';
import { createPlaces } from '../deliver/places.ts';
import { type Bell, createBell, createFreezeGuard, runShard } from '../deliver/run-shard.ts';
import { createSettler } from '../deliver/settler.ts';
import { createTaker } from '../deliver/take-lanes.ts';
import { removeOldDuty } from '../duties/remove-old.ts';
import type { Role, WorkerParts } from '../worker-parts.ts';

/** Enough for the shards of an earlier, higher DELIVER_SHARDS. A worker's places bound its work, not this number. */
const SHARDS_AT_ONCE = 64;
/** Shorter than the lock of a shard's job: a process that was frozen for this long may have lost the job. */
const LONGEST_FREEZE_MS = 5_000;
/** Bound of the payloads in hand. Their text in memory may take twice as much. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Delivers stored messages to Core, and deletes them when they are old. */
export function openDeliverRole(parts: WorkerParts): Role {
  const { env, redis, pools, calls, registry, stopping, logger } = parts;
  const marks = createLaneMarks({ shardCount: env.DELIVER_SHARDS });
  return {
    consumer: createDeliverConsumer({
      ...redis,
      concurrency: Math.max(env.DELIVER_SHARDS, SHARDS_AT_ONCE),
      run: createRun(parts, marks),
    }),
    duties: [
      {
        name: 'wake',
        every: 1,
        // A worker that listens may be frozen, so shards that stay due also get a job in the queue.
        run: async () => calls.ringOrWake(await dueShards(pools.main, marks)),
      },
      removeOldDuty({ registry, pool: pools.main, days: env.RETENTION_DAYS, stopping, logger }),
    ],
  };
}

/** Runs shards, several side by side, with one set of places and one settler. Next: `deliver/run-shard.ts`. */
function createRun(parts: WorkerParts, marks: LaneMarks) {
  const { env, pools, core, observer, tracer, calls, stopping, logger } = parts;
  const bells = new Map<number, Bell>();
  const places = createPlaces({
    total: env.DELIVER_CONCURRENCY,
    bytes: MOST_BYTES,
    onRoom: () => bells.forEach((bell) => void bell.ring()),
  });
  // A run that waits has to notice that it must end.
  const nudgeAll = () => bells.forEach((bell) => void bell.nudge());
  stopping.addEventListener('abort', nudgeAll, { once: true });
  const shared = {
    ...{ core, logger, observer, tracer, places },
    take: createTaker({
      ...{ places, core },
      takeDue: (wanted) => takeDue(pools.main, wanted, marks),
    }),
    settle: createSettler({
      ...{ logger, observer, stopping },
      write: (settlement) => settle(pools.settle, settlement),
    }),
    maxAttempts: env.DELIVER_ATTEMPTS,
    retryDelayMs: (attempt: number, afterMs?: number) =>
      retryDelayMs(attempt, Math.random, afterMs),
  };

  return async (shard: number, signal: AbortSignal): Promise<void> => {
    // A run that lost its job and did not notice is still at work here: one at a time.
    if (bells.has(shard)) return;
    const bell = createBell();
    const guard = createFreezeGuard(LONGEST_FREEZE_MS);
    bells.set(shard, bell);
    signal.addEventListener('abort', bell.nudge, { once: true });
    const own = {
      bell,
      mustStop: () => stopping.aborted || signal.aborted || guard.wasFrozen(),
      listen: () => calls.listen(shard, bell.ring),
      stopListening: () => calls.stopListening(shard),
    };
    try {
      const end = await runShard({ ...shared, ...own }, shard);
      if (end === 'more') calls.ringOrWake([shard]);
    } finally {
      guard.stop();
      signal.removeEventListener('abort', bell.nudge);
      bells.delete(shard);
    }
  };
}
