import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';

export const QUEUE_NAMES = ['resolve', 'deliver', 'graph', 'dlq'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

const KEPT_EVENTS = 1000;

/**
 * A queue on a fail-fast connection. Waiting for readiness is skipped because BullMQ would do it
 * once: a first attempt that fails would leave the queue broken for as long as the process lives.
 */
export function openQueue(name: QueueName, connection: Redis): Queue {
  const queue = new Queue(name, {
    connection,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    skipMetasUpdate: true,
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: { count: 10_000 } },
  });
  // BullMQ would write this once, into a connection that is not there yet. Without it: 10 000.
  connection.on('ready', () => {
    connection.hset(queue.toKey('meta'), 'opts.maxLenEvents', KEPT_EVENTS).catch(() => undefined);
  });
  // These are the connection's errors once more, and the connection reports them itself.
  return queue.on('error', () => undefined);
}
