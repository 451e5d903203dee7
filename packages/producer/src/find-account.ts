import { fingerprintOf } from './fingerprint.ts';
import { isText } from './is-text.ts';
import { type Channel, CREDENTIAL_FIELDS, type Message } from './message.ts';
import { ProducerError } from './producer-error.ts';

const CREDENTIAL = /^\S{1,256}$/u;
const FINGERPRINT = /^[0-9a-f]{64}$/;

export interface Account {
  fingerprint: string;
  /** For redaction; null where only the fingerprint was given. */
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
 * Whose message it is. This is judged here and not by the workers, because a credential does not
 * reach them: of a mistyped one they would only see a fingerprint that nobody has.
 */
export function findAccount(message: Message, channel: Channel): Account {
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
