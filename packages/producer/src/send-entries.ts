import type { Redis } from 'ioredis';
import type { SealedMessage } from './seal-message.ts';
import { shardOf, streamKeyOf } from './shard.ts';

/** Appends messages to their chats' streams, all in one transaction: a cut leaves no gap. */
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
