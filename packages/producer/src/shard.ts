import { crc32 } from 'node:zlib';
import type { Channel } from './message.ts';

/** A chat's shard: always the same one, for that is what keeps its messages in order. */
export function shardOf(channel: Channel, externalChatId: string | number, shards: number): number {
  return crc32(`${channel}:${externalChatId}`) % shards;
}

/** The stream that the workers read a shard from. */
export function streamKeyOf(shard: number): string {
  return `contour:resolve:${shard}`;
}
