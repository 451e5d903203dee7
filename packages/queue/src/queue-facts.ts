import type { Redis } from 'ioredis';
import { QUEUE_NAMES, type QueueName } from './open-queue.ts';

/** One queue, for whoever watches the installation. */
export interface QueueFacts {
  queue: QueueName;
  /** Somebody has told workers to take nothing from it. */
  isPaused: boolean;
  /** What nobody has taken yet. All of `dlq` waits: for somebody to look. */
  waiting: number;
  delayed: number;
  active: number;
  /** What BullMQ has given up on, until it is collected. */
  failed: number;
  /** When the oldest of those that wait was added; null where none waits. */
  oldestAt: Date | null;
}

// A waiting list is served from its end, so that the oldest is there. Prioritized jobs are sorted by priority, and
// within one by their time.
const FACTS = `
local facts = {}
for _, queue in ipairs(KEYS) do
  local oldest
  local function look(id)
    local at = id and tonumber(redis.call('HGET', queue .. id, 'timestamp') or nil)
    if at and (not oldest or at < oldest) then oldest = at end
  end
  look(redis.call('LINDEX', queue .. 'wait', -1))
  look(redis.call('LINDEX', queue .. 'paused', -1))
  for priority = 0, 3 do
    look(redis.call('ZRANGEBYSCORE', queue .. 'prioritized', priority * 2 ^ 32, '+inf', 'LIMIT', 0, 1)[1])
  end
  facts[#facts + 1] = {
    redis.call('HEXISTS', queue .. 'meta', 'paused'),
    redis.call('LLEN', queue .. 'wait') + redis.call('LLEN', queue .. 'paused') +
      redis.call('ZCARD', queue .. 'prioritized'),
    redis.call('ZCARD', queue .. 'delayed'),
    redis.call('LLEN', queue .. 'active'),
    redis.call('ZCARD', queue .. 'failed'),
    oldest and string.format('%d', oldest) or false,
  }
end
return facts`;

type Row = [number, number, number, number, number, string | null];

/** All queues, in one round trip, whatever they hold. */
export async function readQueueFacts(client: Redis): Promise<QueueFacts[]> {
  const keys = QUEUE_NAMES.map((name) => `bull:${name}:`);
  const rows = (await client.eval(FACTS, keys.length, ...keys)) as Row[];
  return rows.map(([isPaused, waiting, delayed, active, failed, oldest], index) => ({
    queue: QUEUE_NAMES[index] as QueueName,
    isPaused: isPaused === 1,
    waiting,
    delayed,
    active,
    failed,
    oldestAt: oldest === null ? null : new Date(Number(oldest)),
  }));
}
