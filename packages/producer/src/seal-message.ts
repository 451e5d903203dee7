import { findAccount } from './find-account.ts';
import { isText } from './is-text.ts';
import { type Channel, CREDENTIAL_FIELDS, type Message, TRAVELLING_FIELDS } from './message.ts';
import { ProducerError } from './producer-error.ts';
import { withoutCredential } from './without-credential.ts';

/** A message ready to leave: nothing of it changes any more, and its credential is gone. */
export interface SealedMessage {
  channel: Channel;
  externalChatId: string | number;
  json: string;
}

const isChannel = (value: unknown): value is Channel =>
  typeof value === 'string' && Object.hasOwn(CREDENTIAL_FIELDS, value);

const isChatId = (value: unknown) =>
  (isText(value) && value !== '' && [...value].length <= 256) || Number.isSafeInteger(value);

/** A shorter credential is a public id and not a secret. The workers apply the same rule. */
const MIN_SECRET_LENGTH = 8;

function redacted(value: unknown, credential: string | null): unknown {
  if (credential === null || credential.length < MIN_SECRET_LENGTH) return value;
  if ((value ?? null) === null) return value;
  // As JSON, for that is what will be sent: an object may write itself in its own way.
  const json = JSON.stringify(value);
  return json === undefined ? undefined : withoutCredential(JSON.parse(json), credential);
}

/** Refuses what is plainly wrong; everything else is for the workers to judge. */
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
    const rest = Object.fromEntries(TRAVELLING_FIELDS.map((field) => [field, message[field]]));
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
