import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { parseInfo } from './redis-facts.ts';
import { runPipeline } from './run-pipeline.ts';

export interface Backlog {
  waiting: number;
  delayed: number;
  active: number;
  memoryUsed: number;
  /** 0 where Redis has no limit. */
  memoryLimit: number;
}

/** What decides about back-pressure, in one round trip: it is asked for every second. */
export async function readBacklog(client: Redis, queue: Pick<Queue, 'toKey'>): Promise<Backlog> {
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
    memoryLimit: Number(memory.get('maxmemory') ?? 0),
  };
}
