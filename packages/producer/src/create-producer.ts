import { randomUUID } from 'node:crypto';
import { connectFailFast, type OnError } from './connection.ts';
import type { Message } from './message.ts';
import { createOutbox } from './outbox.ts';
import { openResolveQueue, type ResolveJob } from './resolve-queue.ts';
import { type SealedMessage, sealMessage } from './seal-message.ts';
import { sendEntries } from './send-entries.ts';

export interface ProducerOptions {
  redisUrl: string;
  /** How many streams there are: must equal the workers' STREAM_SHARDS. 4 by default. */
  streamShards?: number;
  /** How many messages may be without Redis' answer at once. 1000 by default. */
  maxBuffered?: number;
  /** Within this time every message is accepted or refused. 2000 by default. */
  timeoutMs?: number;
  /** Hears of the connection's troubles; they need no answer, the producer connects again. */
  onError?: OnError;
}

export interface Producer {
  /** Adds a job to the BullMQ queue `resolve`. Resolves once Redis has it, else a ProducerError. */
  enqueue(message: Message): Promise<void>;
  /** Appends to the chat's stream, and gives the entry's id. Keeps the order within a chat. */
  stream(message: Message): Promise<string>;
  /** Refuses what waits, lets what is on its way be answered, and disconnects. */
  close(): Promise<void>;
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`${name} must be a positive integer`);
}

/** Redis may be away when this is called and whenever it likes; it is used again when it is back. */
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
