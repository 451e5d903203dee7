import type { Redis } from 'ioredis';

const KEPT_SECONDS = 7 * 24 * 60 * 60;

/** Says of a message that its sender was told "queued": nothing else knows it until it is resolved. */
export interface QueuedNote {
  messageId: string;
  traceId: string;
  receivedAt: string;
}

const keyOf = (messageId: string) => `contour:queued:${messageId}`;

export async function noteQueued(client: Redis, note: QueuedNote): Promise<void> {
  const { messageId, traceId, receivedAt } = note;
  const text = JSON.stringify({ messageId, traceId, receivedAt });
  await client.set(keyOf(messageId), text, 'EX', KEPT_SECONDS);
}

export async function findQueued(client: Redis, messageId: string): Promise<QueuedNote | null> {
  const text = await client.get(keyOf(messageId));
  return text === null ? null : (JSON.parse(text) as QueuedNote);
}
