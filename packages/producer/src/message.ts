import { createHash } from 'node:crypto';
import { ProducerError } from './producer-error.ts';

/** The channels, each with the field of its credential. */
export const CREDENTIAL_FIELDS = {
  telegram: 'bot_token',
  whatsapp: 'profile_id',
  vk: 'group_id',
  avito: 'user_id',
  max: 'bot_id',
} as const;

export type Channel = keyof typeof CREDENTIAL_FIELDS;

type Optional<T> = T | null | undefined;

/** The credential of the message's channel; the others are absent. */
type Credentials = {
  [Field in (typeof CREDENTIAL_FIELDS)[Channel]]?: Optional<string | number>;
};

/**
 * A batch of messages from one chat, with the channel's own credential or `account_fingerprint`. Null counts as absent
 * everywhere.
 */
export interface Message extends Credentials {
  channel: Channel;
  /** Lower-case hex SHA-256 of the credential. */
  account_fingerprint?: Optional<string>;
  external_chat_id: string | number;
  /** Up to 256 characters, like the phone and each message id. */
  external_user_id?: Optional<string | number>;
  /** The first 256 characters are used, also of `client_username`. */
  client_name?: Optional<string>;
  client_phone?: Optional<string | number>;
  /** True if the channel vouches for the phone. It matters with `LINK_BY_PHONE=verified`. */
  phone_verified?: Optional<boolean>;
  client_username?: Optional<string>;
  /** May be empty or absent if there is `media`. */
  text?: Optional<string>;
  /**
   * ISO 8601, or seconds or milliseconds since 1970; the time of receipt by default. Without an offset the workers read
   * it in DEFAULT_TIMEZONE.
   */
  timestamp?: Optional<string | number>;
  /** They identify the message: sent again with the same ids, it counts once. */
  message_ids?: Optional<ReadonlyArray<string | number>>;
  /** Counts as a list of one if `message_ids` is absent. */
  message_id?: Optional<string | number>;
  /** The workers create one by default. */
  trace_id?: Optional<string>;
  /** W3C trace context: the message's spans belong to this trace. */
  traceparent?: Optional<string>;
  /** Any JSON up to 64 KiB. */
  media?: unknown;
  meta?: Optional<Readonly<Record<string, unknown>>>;
}

/** The fields that are sent besides the account. Other properties of an object never leave the process. */
const SENT_FIELDS = [
  'external_chat_id',
  'external_user_id',
  'client_name',
  'client_phone',
  'phone_verified',
  'client_username',
  'text',
  'timestamp',
  'message_ids',
  'message_id',
  'trace_id',
  'traceparent',
  'media',
  'meta',
] as const satisfies ReadonlyArray<keyof Message>;

const CREDENTIAL = /^\S{1,256}$/u;
const FINGERPRINT = /^[0-9a-f]{64}$/;
const PLACEHOLDER = '{credential}';
/** A shorter credential is a public id and not a secret. The workers apply the same rule. */
const MIN_SECRET_LENGTH = 8;

/** A message as it is sent: as text, without its credential. */
export interface SealedMessage {
  channel: Channel;
  externalChatId: string | number;
  json: string;
}

/** Refuses a message without a possible channel, chat or account. The workers check the rest. */
export function sealMessage(message: Message): SealedMessage {
  const { channel, external_chat_id: externalChatId } = message ?? {};
  if (!isChannel(channel)) {
    throw invalid(`channel must be one of ${Object.keys(CREDENTIAL_FIELDS).join(', ')}`);
  }
  if (!isChatId(externalChatId)) {
    throw invalid('external_chat_id must be 1 to 256 characters or a safe integer');
  }
  const { fingerprint, credential } = findAccount(message, channel);
  try {
    const rest = Object.fromEntries(SENT_FIELDS.map((field) => [field, message[field]]));
    const json = JSON.stringify({
      channel,
      account_fingerprint: fingerprint,
      ...rest,
      media: redacted(message.media, credential),
      meta: redacted(message.meta, credential),
    });
    return { channel, externalChatId, json };
  } catch (cause) {
    throw new ProducerError('invalid', 'the message cannot be written as JSON', cause);
  }
}

/** Lower-case hex SHA-256. It replaces the credential outside this process. */
export function fingerprintOf(credential: string | number): string {
  return createHash('sha256').update(String(credential), 'utf8').digest('hex');
}

/** A string that Postgres can store: without U+0000 and lone surrogates. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.isWellFormed() && !value.includes('\0');

const isChannel = (value: unknown): value is Channel =>
  typeof value === 'string' && Object.hasOwn(CREDENTIAL_FIELDS, value);

const isChatId = (value: unknown) =>
  (isText(value) && value !== '' && [...value].length <= 256) || Number.isSafeInteger(value);

/** The JSON value without the credential: in texts, in keys, and as a number. */
function redacted(value: unknown, credential: string | null): unknown {
  if (credential === null || credential.length < MIN_SECRET_LENGTH) return value;
  // As JSON, because an object may have its own toJSON.
  const json = JSON.stringify(value);
  if (json === undefined) return undefined;
  const hide = (text: string) => text.replaceAll(credential, () => PLACEHOLDER);
  return JSON.parse(json, (_, part: unknown) => {
    if (typeof part === 'string') return hide(part);
    if (typeof part === 'number') return String(part) === credential ? PLACEHOLDER : part;
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    // fromEntries defines keys, so that a key named __proto__ stays a key.
    return Object.fromEntries(Object.entries(part).map(([key, child]) => [hide(key), child]));
  });
}

const invalid = (message: string) => new ProducerError('invalid', message);

function readCredential(value: unknown, field: string): string | null {
  if ((value ?? null) === null) return null;
  const text = Number.isSafeInteger(value) ? String(value) : value;
  if (isText(text) && CREDENTIAL.test(text)) return text;
  throw invalid(`${field} must be 1 to 256 characters without white space, or a safe integer`);
}

/**
 * Finds the account. It is checked here, because the credential does not reach the workers: they would see only an
 * unknown fingerprint. The credential is null if only the fingerprint was given.
 */
function findAccount(message: Message, channel: Channel) {
  const ownField = CREDENTIAL_FIELDS[channel];
  for (const field of Object.values(CREDENTIAL_FIELDS)) {
    if (field !== ownField && (message[field] ?? null) !== null) {
      throw invalid(`${field} is not a field of ${channel}, whose own is ${ownField}`);
    }
  }
  const credential = readCredential(message[ownField], ownField);
  const given = message.account_fingerprint ?? null;
  if (given !== null && !(isText(given) && FINGERPRINT.test(given))) {
    throw invalid('account_fingerprint must be a lower-case hex SHA-256');
  }
  const fingerprint = credential === null ? given : fingerprintOf(credential);
  if (fingerprint === null) throw invalid(`${ownField} or account_fingerprint is required`);
  if (given !== null && given !== fingerprint) {
    throw invalid(`account_fingerprint does not belong to ${ownField}`);
  }
  return { fingerprint, credential };
}
