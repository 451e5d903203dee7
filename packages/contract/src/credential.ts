import { hash } from 'node:crypto';
import { CHANNELS, type Channel, CREDENTIAL_FIELDS } from './channels.ts';
import type { Fault } from './outcomes.ts';

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

export interface Account {
  fingerprint: string;
  /** Null if only the fingerprint was given. */
  mask: string | null;
  /** Only for redaction. Nothing that is stored or sent contains it. */
  credential: string | null;
}

function readCredential(value: unknown): string | undefined {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && CREDENTIAL_PATTERN.test(text) ? text : undefined;
}

/** Finds the account of a message by the channel's own credential field, by the fingerprint, or by both. */
export function checkCredential(
  body: Record<string, unknown>,
  channel: Channel,
): { account?: Account; faults: Fault[] } {
  const ownField = CHANNELS[channel].credentialField;
  const faults: Fault[] = CREDENTIAL_FIELDS.filter(
    (field) => field !== ownField && (body[field] ?? null) !== null,
  ).map((path) => ({ path, message: `is not a field of ${channel}, whose own is ${ownField}` }));

  const given = body[ownField] ?? null;
  const print = body.account_fingerprint ?? null;
  const credential = given === null ? null : readCredential(given);
  if (given === null && print === null) faults.push({ path: ownField, message: 'is required' });
  if (credential === undefined) {
    faults.push({
      path: ownField,
      message: 'must be a string of 1 to 256 characters without white space, or a safe integer',
    });
  }
  if (print !== null && !(typeof print === 'string' && FINGERPRINT_PATTERN.test(print))) {
    faults.push({ path: 'account_fingerprint', message: 'must be a lower-case hex SHA-256' });
  }
  if (faults.length > 0 || credential === undefined) return { faults };

  const fingerprint = credential === null ? String(print) : fingerprintOf(credential);
  if (print !== null && print !== fingerprint) {
    return { faults: [{ path: 'account_fingerprint', message: `does not belong to ${ownField}` }] };
  }
  const mask = credential === null ? null : maskCredential(credential);
  return { account: { fingerprint, mask, credential }, faults };
}
