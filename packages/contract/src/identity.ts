import { hash, randomUUID } from 'node:crypto';
import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js';
import { z } from 'zod';

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

/** An id that is ordered by time, so that new rows are neighbours in an index. */
export function uuidv7(nowMs: number = Date.now()): string {
  const time = nowMs.toString(16).padStart(12, '0');
  // The first 15 characters of a version 4 id are in the place of the time and the version.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
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
  const bytes = hash('sha256', name, 'buffer');
  // Version 8 and the variant of RFC 9562.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The setting DEFAULT_PHONE_REGION: the country of a number without a country code. */
export const phoneRegion = z
  .string()
  .refine(isSupportedCountry, 'must be a country code such as RU')
  .default('RU');

export type PhoneRegion = z.infer<typeof phoneRegion>;

/**
 * A phone as E.164. Null for a text that is not a phone number, and for a number with an extension, which belongs to a
 * switchboard: neither may link two persons.
 */
export function normalisePhone(raw: string | null, region: PhoneRegion): string | null {
  if (raw === null) return null;
  const phone = parsePhoneNumberFromString(raw, { defaultCountry: region, extract: false });
  return phone?.isPossible() && phone.ext === undefined ? phone.number : null;
}

/** Which phones identify a client: all, those that the channel vouches for, or none. */
export type LinkByPhone = boolean | 'verified';

/** The setting LINK_BY_PHONE. */
export const linkByPhone = z
  .enum(['true', '1', 'verified', 'false', '0'], 'must be true, verified or false')
  .transform((text): LinkByPhone => (text === 'verified' ? text : text === 'true' || text === '1'))
  .default(true);

/** A WhatsApp client's id that is its phone, in the forms that services use. */
const WHATSAPP_ID = /^\+?(\d{7,15})(?::\d+)?(?:@(?:c\.us|s\.whatsapp\.net))?$/;

const isOwnPhone = (id: string | null, phone: string): boolean =>
  id !== null && `+${WHATSAPP_ID.exec(id)?.[1]}` === phone;

interface PhoneSource {
  channel: Channel;
  clientPhone: string | null;
  externalChatId: string;
  externalUserId: string | null;
  phoneVerified: boolean;
}

function isVouchedFor(message: PhoneSource, phone: string): boolean {
  if (message.phoneVerified) return true;
  if (message.channel !== 'whatsapp') return false;
  return isOwnPhone(message.externalChatId, phone) || isOwnPhone(message.externalUserId, phone);
}

/**
 * The phone by which a client is found and which is stored as the client's own, as E.164; null if there is none. With
 * `verified` a phone that a person has only typed is not used, because it may be a stranger's.
 */
export function matchingPhone(
  message: PhoneSource,
  settings: { linkByPhone: LinkByPhone; phoneRegion: PhoneRegion },
): string | null {
  const phone = normalisePhone(message.clientPhone, settings.phoneRegion);
  if (phone === null || settings.linkByPhone !== 'verified') return phone;
  return isVouchedFor(message, phone) ? phone : null;
}
