import { CHANNELS, type Channel, CREDENTIAL_FIELDS } from './channels.ts';
import { fingerprintOf, maskCredential } from './credential.ts';
import type { Fault } from './faults.ts';

export const FINGERPRINT_PATTERN = /^[0-9a-f]{64}$/;
export const CREDENTIAL_PATTERN = /^\S{1,256}$/u;

export interface Account {
  fingerprint: string;
  /** Null where only the fingerprint was given: there is nothing to recognise the credential by. */
  mask: string | null;
  /** The credential itself, for redaction. It ends here: nothing that is stored or sent holds it. */
  credential: string | null;
}

function readCredential(value: unknown): string | undefined {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && CREDENTIAL_PATTERN.test(text) ? text : undefined;
}

/** Finds whose message it is: by the channel's own credential field, by fingerprint, or by both. */
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
