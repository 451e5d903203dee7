import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { connectFailFast, loadScript, type RedisAccess } from '../redis/connect.ts';

const QUEUE_NAMES = ['resolve', 'deliver', 'graph', 'dlq'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

const KEPT_EVENTS = 1000;

/**
 * A queue on a fail-fast connection. BullMQ's wait for readiness is skipped, because BullMQ waits only once: if the
 * first attempt to connect fails, the queue would be broken for as long as the process lives.
 */
export function openQueue(name: QueueName, connection: Redis): Queue {
  const queue = new Queue(name, {
    connection,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    skipMetasUpdate: true,
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: { count: 10_000 } },
  });
  // BullMQ would write this once, before the connection is ready. Its default is 10 000.
  connection.on('ready', () => {
    connection.hset(queue.toKey('meta'), 'opts.maxLenEvents', KEPT_EVENTS).catch(() => undefined);
  });
  // The connection reports its errors itself.
  return queue.on('error', () => undefined);
}

/** Names the keys of a queue, for a reader that opens no queue. */
export const queueKeys = (name: QueueName) => ({ toKey: (type: string) => `bull:${name}:${type}` });

/** The queues for Bull Board, on a connection of their own. */
export function boardQueues(redis: RedisAccess) {
  const { client, disconnect } = connectFailFast(redis);
  const queues = QUEUE_NAMES.map((name) => openQueue(name, client));
  return {
    queues,
    close: async () => {
      await Promise.allSettled(queues.map((queue) => queue.close()));
      disconnect();
    },
  };
}

const FACTS = loadScript(import.meta.dirname, 'queue-facts.lua');

export type QueueFacts = Awaited<ReturnType<typeof readQueueFacts>>[number];

type Row = [number, number, number, number, number, string | null];

/** Reads the state of all queues in one round trip that costs the same however many jobs they hold. */
export async function readQueueFacts(client: Redis) {
  const keys = QUEUE_NAMES.map((name) => queueKeys(name).toKey(''));
  const rows = (await FACTS.run(client, keys)) as Row[];
  return rows.map(([isPaused, waiting, delayed, active, failed, oldest], index) => ({
    queue: QUEUE_NAMES[index] as QueueName,
    /** An operator has paused it: workers take no jobs from it. */
    isPaused: isPaused === 1,
    /** Jobs that no worker has taken yet. All jobs of `dlq` wait: it has no consumer. */
    waiting,
    delayed,
    active,
    /** Jobs that BullMQ has given up and that were not collected yet. */
    failed,
    /** When the oldest waiting job was added; null where none waits. */
    oldestAt: oldest === null ? null : new Date(Number(oldest)),
  }));
}

/** Whether workers have a message to resolve that they may take. While the queue is paused, they have none. */
export async function isWorkWaiting(client: Redis): Promise<boolean> {
  const resolve = (await readQueueFacts(client)).find(({ queue }) => queue === 'resolve');
  return resolve !== undefined && !resolve.isPaused && resolve.waiting > 0;
}
