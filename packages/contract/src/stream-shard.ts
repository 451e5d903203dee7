import { crc32 } from 'node:zlib';

/** The stream into which a chat's messages go: the same one for as long as the number is the same. */
export function streamShardOf(
  { channel, externalChatId }: { channel: string; externalChatId: string },
  shardCount: number,
): number {
  return crc32(`${channel}:${externalChatId}`) % shardCount;
}
