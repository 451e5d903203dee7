import { hash, randomFillSync } from 'node:crypto';

declare const kind: unique symbol;

/**
 * A string that names one kind of thing. The compiler refuses an id of one kind in the place of another. The mark is
 * optional, so that a plain string, such as a column or a literal in a test, can be used without a conversion.
 */
type Id<Kind extends string> = string & { readonly [kind]?: Kind };

export type TenantId = Id<'tenant'>;
export type ClientId = Id<'client'>;
export type DialogId = Id<'dialog'>;
export type MessageId = Id<'message'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Postgres writes a UUID in lower case, so only that form can be compared as a string. */
function toId(text: string, name: string): string {
  if (!isUuid(text)) throw new TypeError(`not a ${name} id`);
  return text.toLowerCase();
}

// For ids that enter as text. Each throws TypeError if the text is not a UUID.
export const toTenantId = (text: string): TenantId => toId(text, 'tenant');
export const toClientId = (text: string): ClientId => toId(text, 'client');
export const toDialogId = (text: string): DialogId => toId(text, 'dialog');
export const toMessageId = (text: string): MessageId => toId(text, 'message');

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
}): MessageId {
  const { channel, fingerprint, externalChatId, messageIds } = identity;
  const name = JSON.stringify([channel, fingerprint, externalChatId, [...messageIds].sort()]);
  return formatUuid(hash('sha256', name, 'buffer'), 8);
}
