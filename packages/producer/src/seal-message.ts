import { createHash } from 'node:crypto';
import { type Channel, CREDENTIAL_FIELDS, type Message, SENT_FIELDS } from './message.ts';
import { ProducerError } from './producer-error.ts';

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
    const known = Object.keys(CREDENTIAL_FIELDS).join(', ');
    throw new ProducerError('invalid', `channel must be one of ${known}`);
  }
  if (!isChatId(externalChatId)) {
    const rule = 'must be 1 to 256 characters or a safe integer';
    throw new ProducerError('invalid', `external_chat_id ${rule}`);
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

function redacted(value: unknown, credential: string | null): unknown {
  if (credential === null || credential.length < MIN_SECRET_LENGTH) return value;
  if ((value ?? null) === null) return value;
  // As JSON, because an object may have its own toJSON.
  const json = JSON.stringify(value);
  return json === undefined ? undefined : withoutCredential(JSON.parse(json), credential);
}

/** Removes a credential from a JSON value: in texts, in keys, and as a number. */
function withoutCredential(value: unknown, credential: string): unknown {
  if (typeof value === 'string') return value.replaceAll(credential, () => PLACEHOLDER);
  if (typeof value === 'number') return String(value) === credential ? PLACEHOLDER : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withoutCredential(item, credential));
  // fromEntries defines keys, so that a key named __proto__ stays a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key.replaceAll(credential, () => PLACEHOLDER),
      withoutCredential(child, credential),
    ]),
  );
}

interface Account {
  fingerprint: string;
  /** For redaction; null if only the fingerprint was given. */
  credential: string | null;
}

const invalid = (message: string) => new ProducerError('invalid', message);

function readCredential(value: unknown, field: string): string | null {
  if ((value ?? null) === null) return null;
  const text = Number.isSafeInteger(value) ? String(value) : value;
  if (isText(text) && CREDENTIAL.test(text)) return text;
  throw invalid(`${field} must be 1 to 256 characters without white space, or a safe integer`);
}

function readFingerprint(value: unknown): string | null {
  if ((value ?? null) === null) return null;
  if (typeof value === 'string' && FINGERPRINT.test(value)) return value;
  throw invalid('account_fingerprint must be a lower-case hex SHA-256');
}

/**
 * Finds the account. It is checked here, because the credential does not reach the workers: they would see only an
 * unknown fingerprint.
 */
function findAccount(message: Message, channel: Channel): Account {
  const ownField = CREDENTIAL_FIELDS[channel];
  for (const field of Object.values(CREDENTIAL_FIELDS)) {
    if (field !== ownField && (message[field] ?? null) !== null) {
      throw invalid(`${field} is not a field of ${channel}, whose own is ${ownField}`);
    }
  }
  const credential = readCredential(message[ownField], ownField);
  const given = readFingerprint(message.account_fingerprint);
  const fingerprint = credential === null ? given : fingerprintOf(credential);
  if (fingerprint === null) throw invalid(`${ownField} or account_fingerprint is required`);
  if (given !== null && given !== fingerprint) {
    throw invalid(`account_fingerprint does not belong to ${ownField}`);
  }
  return { fingerprint, credential };
}
