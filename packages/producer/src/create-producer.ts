import { randomUUID } from 'node:crypto';
import { type Message, type SealedMessage, sealMessage } from './message.ts';
import { createOutbox } from './outbox.ts';
import {
  connectFailFast,
  type OnError,
  openResolveQueue,
  type ResolveJob,
  sendEntries,
} from './redis.ts';

export interface ProducerOptions {
  redisUrl: string;
  /** The number of streams. It must equal the workers' STREAM_SHARDS. 4 by default. */
  streamShards?: number;
  /** How many messages may wait for an answer of Redis. 1000 by default. */
  maxBuffered?: number;
  /** Every message is accepted or refused within this time. 2000 by default. */
  timeoutMs?: number;
  /** Called for errors of the connection. The producer reconnects by itself. */
  onError?: OnError;
}

export interface Producer {
  /** Adds a job to the BullMQ queue `resolve`. Resolves once Redis has it; rejects with a ProducerError. */
  enqueue(message: Message): Promise<void>;
  /** Appends to the chat's stream and resolves with the entry's id. Keeps the order within a chat. */
  stream(message: Message): Promise<string>;
  /** Refuses waiting messages, waits for the answers to those under way, and disconnects. */
  close(): Promise<void>;
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`${name} must be a positive integer`);
}

/** Redis may be away at any time, also now; the producer reconnects by itself. */
export function createProducer(o: ProducerOptions): Producer {
  const streamShards = positive('streamShards', o.streamShards ?? 4);
  const maxBuffered = positive('maxBuffered', o.maxBuffered ?? 1000);
  const timeoutMs = positive('timeoutMs', o.timeoutMs ?? 2000);

  let whyAway: Error | undefined;
  const onError: OnError = (error) => {
    whyAway = error;
    o.onError?.(error);
  };
  const client = connectFailFast({ redisUrl: o.redisUrl, timeoutMs, onError });
  const queue = openResolveQueue(client);

  const shared = {
    timeoutMs,
    maxBuffered,
    isFull: (): boolean => jobs.size() + entries.size() >= maxBuffered,
    isConnected: () => client.status === 'ready',
    whyAway: () => whyAway,
  };
  const jobs = createOutbox<ResolveJob>({ ...shared, send: queue.send });
  const entries = createOutbox<SealedMessage>({
    ...shared,
    send: (messages) => sendEntries(client, streamShards, messages),
  });
  client.on('ready', () => {
    whyAway = undefined;
    jobs.flush();
    entries.flush();
  });

  return {
    enqueue: async (message) => {
      const { json } = sealMessage(message);
      await jobs.put({ jobId: randomUUID(), json });
    },
    stream: async (message) => entries.put(sealMessage(message)),
    close: async () => {
      await Promise.all([jobs.close(), entries.close()]);
      await queue.close();
      client.disconnect();
    },
  };
}
