import { hash, randomFillSync } from 'node:crypto';

/** The channels; `id` is the row in the table `channels`. */
export const CHANNELS = {
  telegram: { id: 1, credentialField: 'bot_token' },
  whatsapp: { id: 2, credentialField: 'profile_id' },
  vk: { id: 3, credentialField: 'group_id' },
  avito: { id: 4, credentialField: 'user_id' },
  max: { id: 5, credentialField: 'bot_id' },
} as const;

export type Channel = keyof typeof CHANNELS;

export const CHANNEL_CODES = Object.keys(CHANNELS) as [Channel, ...Channel[]];

export const CREDENTIAL_FIELDS = CHANNEL_CODES.map((code) => CHANNELS[code].credentialField);

const codeOfId = new Map<number, Channel>(CHANNEL_CODES.map((code) => [CHANNELS[code].id, code]));

/** The channel of a database id. An unknown id is a bug, because the table cannot hold it. */
export function channelOfId(id: number): Channel {
  const code = codeOfId.get(id);
  if (code === undefined) throw new RangeError(`no channel has the id ${id}`);
  return code;
}

export const FINGERPRINT_PATTERN = /^[0-9a-f]{64}$/;
export const CREDENTIAL_PATTERN = /^\S{1,256}$/u;

/** Lower-case hex SHA-256. It replaces the credential everywhere outside Postgres. */
export function fingerprintOf(credential: string): string {
  return hash('sha256', credential, 'hex');
}

/**
 * Shows enough of a credential for an operator to recognise it, and too little to use it. A short one (a group's or a
 * user's number) is hidden completely, because its ends would be most of it.
 */
export function maskCredential(credential: string): string {
  return credential.length < 16 ? '***' : `${credential.slice(0, 3)}***${credential.slice(-2)}`;
}

/** The name of a channel account in all packages and in Redis. It contains no credential. */
export const accountOf = (message: { channel: Channel; fingerprint: string }): string =>
  `${message.channel}:${message.fingerprint}`;

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

function formatUuid(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

// Random bytes are read in blocks, because a read of 16 bytes takes longer than the rest of an id.
const pool = new Uint8Array(4096);
let used = pool.length;

/** An id that is ordered by time, so that new rows are neighbours in an index. */
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
 * The id of a message is a hash of its identity, so it is known before the message is stored and is the same for every
 * copy. The chat and the account are part of the identity, because channels number messages within a chat.
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
