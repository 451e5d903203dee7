import {
  CHANNELS,
  type Channel,
  CREDENTIAL_FIELDS,
  FINGERPRINT_PATTERN,
  fingerprintOf,
} from './identity.ts';
import { incomingFields } from './incoming-message.ts';
import {
  type Body,
  isBody,
  isTooDeep,
  MIN_SECRET_LENGTH,
  mayContain,
  withoutCredential,
} from './json.ts';

/** The whole body is searched for each of them, so there is a limit. */
const MAX_SECRETS = 50;

/** The fields of the contract. The values below `media` and `meta` may be anything. */
const FIELD_NAMES = new Set([
  ...Object.keys(incomingFields.shape),
  ...['account_fingerprint', 'traceparent'],
]);
const FREE_FIELDS = new Set(['media', 'meta']);

/** A field for the fingerprint may contain the credential by mistake. */
const isCredentialField = (key: string, value: unknown): boolean =>
  (CREDENTIAL_FIELDS as readonly string[]).includes(key) ||
  (key === 'account_fingerprint' &&
    !(typeof value === 'string' && FINGERPRINT_PATTERN.test(value)));

/** Longer than any message. To parse such a text could exhaust the memory. */
const MAX_PARSED_LENGTH = 1024 * 1024;

const looksLikeBody = (text: string): boolean => /^\s*[[{]/.test(text);

const isTooLong = (text: string): boolean => text.length > MAX_PARSED_LENGTH && looksLikeBody(text);

/** Parses a body or list that was sent as a text by mistake; undefined for any other text. */
function parsed(text: string): unknown {
  if (!looksLikeBody(text) || isTooLong(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether the value may contain a credential, at any depth, also in texts that contain a JSON body. */
export function mayHoldCredential(value: unknown): boolean {
  if (typeof value === 'string') return isTooLong(value) || mayHoldCredential(parsed(value));
  if (typeof value !== 'object' || value === null) return false;
  if (isTooDeep(value)) return true;
  return Object.entries(value).some(
    ([key, child]) => isCredentialField(key, child) || mayHoldCredential(child),
  );
}

/** The fingerprint that replaces the channel's own credential, so that an operator can repair the body. */
function fingerprint(body: Body): Body {
  const { channel } = body;
  if (typeof channel !== 'string' || !Object.hasOwn(CHANNELS, channel)) return {};
  const own = body[CHANNELS[channel as Channel].credentialField];
  if (typeof own !== 'string' && typeof own !== 'number') return {};
  return { account_fingerprint: fingerprintOf(String(own)) };
}

/** Gathers the values of credential fields at any depth, and in texts that contain a JSON body. */
function gatherSecrets(value: unknown, secrets: Set<string>, depth = 0): void {
  if (typeof value === 'string') {
    const inner = parsed(value);
    if (!isTooDeep(inner)) gatherSecrets(inner, secrets, depth + 1);
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (!isCredentialField(key, child)) gatherSecrets(child, secrets, depth + 1);
    else if (typeof child === 'string' || typeof child === 'number') {
      const secret = String(child);
      // A short value deep inside may be any number.
      if (secret.length >= (depth === 0 ? 1 : MIN_SECRET_LENGTH)) secrets.add(secret);
    }
  }
}

/** The text that replaces a removed value. A later pass does not change it. */
const SIZE = /^\(\d+ characters( that are no object)?\)$/;

/** Replaces an unknown value by its length. A short one is not a secret and stays. */
function lengthOnly(value: unknown): unknown {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return text.length < MIN_SECRET_LENGTH || SIZE.test(text) ? value : `(${text.length} characters)`;
}

/** Where a value is: in a field of the contract, in free JSON, or under an unknown name. */
type Place = 'field' | 'free' | 'unknown';

interface Keeping {
  place: Place;
  /** Whether a credential or its fingerprint was recognised. Only then free JSON is kept, without the credential. */
  isAccountKnown: boolean;
}

function keptText(text: string, keeping: Keeping): unknown {
  if (isTooLong(text)) return sizeOf(text);
  const inner = parsed(text);
  if (mayHoldCredential(inner)) {
    return isTooDeep(inner) ? sizeOf(inner) : JSON.stringify(kept(inner, keeping));
  }
  return keeping.place === 'unknown' ? lengthOnly(text) : text;
}

function placeOf(key: string, around: Place): Place {
  if (around === 'free' || FREE_FIELDS.has(key)) return 'free';
  return FIELD_NAMES.has(key) ? 'field' : 'unknown';
}

/**
 * Removes credential fields. A credential may also be under a mistyped name, so a value under an unknown name is replaced
 * by its length.
 */
function kept(value: unknown, keeping: Keeping): unknown {
  if (typeof value === 'string') return keptText(value, keeping);
  if (typeof value !== 'object' || value === null) {
    return keeping.place === 'unknown' ? lengthOnly(value) : value;
  }
  if (Array.isArray(value)) return value.map((item) => kept(item, keeping));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, child]) => !isCredentialField(key, child))
      .map(([key, child]) => {
        const place = placeOf(key, keeping.place);
        if (place === 'free' && !keeping.isAccountKnown) return [key, lengthOnly(child)];
        return [key, kept(child, { ...keeping, place })];
      }),
  );
}

function sizeOf(data: unknown): string {
  if (isTooDeep(data)) return '(nested too deeply to be kept)';
  if (typeof data === 'string' && isTooLong(data)) return `(${data.length} characters)`;
  return `(${JSON.stringify(data ?? null).length} characters that are no object)`;
}

/** Removes secrets from a body. A short one stays in free JSON, where it may be any number. */
function withoutSecrets(body: Body, secrets: ReadonlySet<string>): Body {
  const json = JSON.stringify(body);
  const standing = [...secrets].filter((secret) => mayContain(json, secret));
  if (standing.length === 0) return body;
  const long = standing.filter((secret) => secret.length >= MIN_SECRET_LENGTH);
  const without = (value: unknown, some: readonly string[]) =>
    some.reduce(withoutCredential, value);
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => [
      without(key, long) as string,
      without(value, FREE_FIELDS.has(key) ? long : standing),
    ]),
  );
}

/**
 * An unreadable body as it may be stored. The values of credential fields are removed everywhere in it, and values under
 * names that the contract does not have are replaced by their length. Data that is not a body is replaced by its size.
 */
export function unreadableBody(data: unknown): unknown {
  const body = typeof data === 'string' ? parsed(data) : data;
  if (!isBody(body) || isTooDeep(body)) return sizeOf(data);
  const secrets = new Set<string>();
  gatherSecrets(body, secrets);
  if (secrets.size > MAX_SECRETS) return '(too many credentials to be kept)';
  const isAccountKnown =
    (typeof body.account_fingerprint === 'string' &&
      FINGERPRINT_PATTERN.test(body.account_fingerprint)) ||
    [...secrets].some((secret) => secret.length >= MIN_SECRET_LENGTH);
  const rest = kept(body, { place: 'field', isAccountKnown }) as Body;
  return { ...withoutSecrets(rest, secrets), ...fingerprint(body) };
}
