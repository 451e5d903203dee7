import { crc32 } from 'node:zlib';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { Channel, SealedMessage } from './message.ts';

export type OnError = (error: Error) => void;

/*
 * | command time-out           | detects a frozen Redis after | reconnects after       |
 * | timeoutMs, or at once      | timeoutMs and a second       | 50 … 250 ms, for ever  |
 *
 * The client neither queues nor retries: the outbox does both, in order and bounded. The pause before a new attempt is
 * short, so that messages can still be sent if Redis is back within timeoutMs.
 */
export function connectFailFast(o: {
  redisUrl: string;
  timeoutMs: number;
  onError: OnError;
}): Redis {
  const client = new Redis(o.redisUrl, {
    retryStrategy: (attempt) => Math.min(50 * attempt, 250),
    keepAlive: 5000,
    connectTimeout: 3000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // Not 1: commands of a cut connection would wait until their time-out.
    maxRetriesPerRequest: 0,
    commandTimeout: o.timeoutMs,
    socketTimeout: o.timeoutMs + 1000,
  });
  return client.on('error', o.onError);
}

/** A chat's shard. It is always the same, which keeps the chat's messages in order. */
export function shardOf(channel: Channel, externalChatId: string | number, shards: number): number {
  return crc32(`${channel}:${externalChatId}`) % shards;
}

/** The stream of a shard. */
export function streamKeyOf(shard: number): string {
  return `contour:resolve:${shard}`;
}

/** Appends messages to the streams of their chats, in one transaction: a cut connection leaves no gap. */
export async function sendEntries(
  client: Redis,
  streamShards: number,
  messages: SealedMessage[],
): Promise<Array<string | Error>> {
  const transaction = client.multi();
  for (const { channel, externalChatId, json } of messages) {
    const key = streamKeyOf(shardOf(channel, externalChatId, streamShards));
    transaction.xadd(key, '*', 'message', json);
  }
  const replies = (await transaction.exec()) ?? [];
  return messages.map((_, index) => {
    const [error, id] = replies[index] ?? [];
    return error ?? (typeof id === 'string' ? id : new Error('Redis gave no entry id'));
  });
}

export interface ResolveJob {
  /** The same in a retry, so that BullMQ keeps one job. */
  jobId: string;
  json: string;
}

/**
 * The queue `resolve`. Waiting for readiness is skipped, because BullMQ would do it only once: after a first attempt that
 * fails, the queue would stay broken.
 */
export function openResolveQueue(connection: Redis) {
  const queue = new Queue('resolve', {
    connection,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    skipMetasUpdate: true,
    // Failed jobs are kept: the workers park their messages.
    defaultJobOptions: { removeOnComplete: true },
  });
  // The connection reports these errors itself.
  queue.on('error', () => undefined);

  return {
    send: async (jobs: ResolveJob[]): Promise<string[]> => {
      const added = jobs.map(({ jobId, json }) => ({
        name: 'resolve',
        data: JSON.parse(json),
        opts: { jobId },
      }));
      await queue.addBulk(added);
      return jobs.map(({ jobId }) => jobId);
    },
    close: () => queue.close(),
  };
}
