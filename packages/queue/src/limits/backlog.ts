import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { runPipeline } from '../redis/connect.ts';
import { parseInfo } from '../redis/redis-facts.ts';

export type Backlog = Awaited<ReturnType<typeof readBacklog>>;

/** Reads what decides about back-pressure, in one round trip, because it is read every second. */
export async function readBacklog(client: Redis, queue: { toKey(type: string): string }) {
  const [wait, paused, prioritized, delayed, active, info] = await runPipeline(
    client
      .pipeline()
      .llen(queue.toKey('wait'))
      .llen(queue.toKey('paused'))
      .zcard(queue.toKey('prioritized'))
      .zcard(queue.toKey('delayed'))
      .llen(queue.toKey('active'))
      .info('memory'),
  );
  const memory = parseInfo(String(info));
  return {
    waiting: Number(wait) + Number(paused) + Number(prioritized),
    delayed: Number(delayed),
    active: Number(active),
    memoryUsed: Number(memory.get('used_memory') ?? 0),
    /** 0 where Redis has no limit. */
    memoryLimit: Number(memory.get('maxmemory') ?? 0),
  };
}

const LOOK_EVERY_MS = 200;
/** The share of the backlog that a replay may fill. The rest is for senders. */
const SHARE = 0.5;

/**
 * Returns a function that waits until this many more jobs fill at most half of the backlog, or until the backlog is
 * empty. After `patienceMs` it throws the error that `impatient` makes.
 */
export function createBacklogWait(o: {
  backlog: () => Promise<Pick<Backlog, 'waiting' | 'delayed' | 'active'>>;
  maxBacklog: number;
  patienceMs?: number;
  impatient?: () => Error;
}): (jobs: number) => Promise<void> {
  const { backlog, maxBacklog, patienceMs = Number.POSITIVE_INFINITY } = o;
  return async (jobs) => {
    const until = performance.now() + patienceMs;
    for (;;) {
      const { waiting, delayed, active } = await backlog();
      const there = waiting + delayed + active;
      if (there === 0 || there + jobs <= maxBacklog * SHARE) break;
      if (performance.now() >= until) throw o.impatient?.() ?? new Error('no room');
      await delay(LOOK_EVERY_MS);
    }
  };
}
