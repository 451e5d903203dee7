import type { Redis } from 'ioredis';

const KEPT_SECONDS = 7 * 24 * 60 * 60;

/** Says of a message that its sender was told "queued": nothing else knows it until it is resolved, or parked. */
export interface QueuedNote {
  messageId: string;
  traceId: string;
  receivedAt: string;
}

const QUEUED = 'contour:queued:';

export const queuedKey = (messageId: string): string => `${QUEUED}${messageId}`;

export async function noteQueued(client: Redis, note: QueuedNote): Promise<void> {
  const { messageId, traceId, receivedAt } = note;
  const text = JSON.stringify({ messageId, traceId, receivedAt });
  await client.set(queuedKey(messageId), text, 'EX', KEPT_SECONDS);
}

/** Once it is resolved the ledger knows it; a week of notes would fill a Redis. */
export async function forgetQueued(client: Redis, messageIds: readonly string[]): Promise<void> {
  if (messageIds.length > 0) await client.unlink(...messageIds.map(queuedKey));
}

export async function findQueued(client: Redis, messageId: string): Promise<QueuedNote | null> {
  const text = await client.get(queuedKey(messageId));
  return text === null ? null : (JSON.parse(text) as QueuedNote);
}
