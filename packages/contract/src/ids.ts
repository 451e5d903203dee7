import { hash, randomFillSync } from 'node:crypto';

function formatUuid(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

// Asking the kernel for 16 bytes at a time costs more than the rest of an id together.
const pool = new Uint8Array(4096);
let used = pool.length;

/** A time-ordered id: neighbours in time are neighbours in the index. */
export function uuidv7(nowMs: number = Date.now()): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + 16);
  used += 16;
  new DataView(bytes.buffer).setUint16(0, Math.floor(nowMs / 2 ** 32));
  new DataView(bytes.buffer).setUint32(2, nowMs >>> 0);
  return formatUuid(bytes, 7);
}

/**
 * A message's id is made from what identifies it, so it is known before anything is stored and is
 * the same for every copy. Channels number messages within one chat of one account only.
 */
export function messageIdOf(identity: {
  channel: string;
  fingerprint: string;
  externalChatId: string;
  messageIds: readonly string[];
}): string {
  const { channel, fingerprint, externalChatId, messageIds } = identity;
  const name = JSON.stringify([channel, fingerprint, externalChatId, [...messageIds].sort()]);
  return formatUuid(hash('sha256', name, 'buffer'), 8);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
