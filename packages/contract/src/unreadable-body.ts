import { CHANNELS, type Channel, CREDENTIAL_FIELDS } from './channels.ts';
import { FINGERPRINT_PATTERN } from './check-credential.ts';
import { fingerprintOf } from './credential.ts';
import { isTooDeep, withoutCredential } from './json-walk.ts';

type Body = Record<string, unknown>;

/** Each is looked for in the whole body: more than this is no message but a burden. */
const MAX_SECRETS = 50;

/** A shorter one, deep inside, is any number: to take it out everywhere would spoil the body. */
const MIN_NESTED_SECRET = 8;

const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** In the place of a fingerprint somebody may have put the credential itself. */
const isCredentialField = (key: string, value: unknown): boolean =>
  (CREDENTIAL_FIELDS as readonly string[]).includes(key) ||
  (key === 'account_fingerprint' &&
    !(typeof value === 'string' && FINGERPRINT_PATTERN.test(value)));

/** More than any message has. To read it might take all the memory that there is. */
const MAX_PARSED_LENGTH = 1024 * 1024;

const looksLikeBody = (text: string): boolean => /^\s*[[{]/.test(text);

const isTooLong = (text: string): boolean => text.length > MAX_PARSED_LENGTH && looksLikeBody(text);

/** A body or list that was written as a text by mistake; undefined for any other text. */
function parsed(text: string): unknown {
  if (!looksLikeBody(text) || isTooLong(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a credential may stand in it, at any depth, and in texts that hold a body in turn. */
export function mayHoldCredential(value: unknown): boolean {
  if (typeof value === 'string') return isTooLong(value) || mayHoldCredential(parsed(value));
  if (typeof value !== 'object' || value === null) return false;
  if (isTooDeep(value)) return true;
  return Object.entries(value).some(
    ([key, child]) => isCredentialField(key, child) || mayHoldCredential(child),
  );
}

/** The fingerprint takes the place of the channel's own credential, so that the body can be mended. */
function fingerprint(body: Body): Body {
  const { channel } = body;
  if (typeof channel !== 'string' || !Object.hasOwn(CHANNELS, channel)) return {};
  const own = body[CHANNELS[channel as Channel].credentialField];
  if (typeof own !== 'string' && typeof own !== 'number') return {};
  return { account_fingerprint: fingerprintOf(String(own)) };
}

/** The same without the fields of credentials; `secrets` gathers what stood there. */
function withoutFields(value: unknown, secrets: Set<string>, depth = 0): unknown {
  if (typeof value === 'string') {
    if (isTooLong(value)) return sizeOf(value);
    const inner = parsed(value);
    if (!mayHoldCredential(inner)) return value;
    if (isTooDeep(inner)) return sizeOf(inner);
    return JSON.stringify(withoutFields(inner, secrets, depth + 1));
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withoutFields(item, secrets, depth + 1));
  const kept: Array<[string, unknown]> = [];
  for (const [key, child] of Object.entries(value)) {
    if (!isCredentialField(key, child)) kept.push([key, withoutFields(child, secrets, depth + 1)]);
    else if (typeof child === 'string' || typeof child === 'number') {
      const secret = String(child);
      if (secret.length >= (depth === 0 ? 1 : MIN_NESTED_SECRET)) secrets.add(secret);
    }
  }
  return Object.fromEntries(kept);
}

function sizeOf(data: unknown): string {
  if (isTooDeep(data)) return '(nested too deeply to be kept)';
  if (typeof data === 'string' && isTooLong(data)) return `(${data.length} characters)`;
  return `(${JSON.stringify(data ?? null).length} characters that are no object)`;
}

/**
 * What was sent and could not be read, as it may be kept: whatever stands in a credential's field is
 * gone from there and from everywhere else in the body. Of what is no body only its size is told.
 */
export function unreadableBody(data: unknown): unknown {
  const body = typeof data === 'string' ? parsed(data) : data;
  if (!isBody(body) || isTooDeep(body)) return sizeOf(data);
  const secrets = new Set<string>();
  const kept = withoutFields(body, secrets);
  if (secrets.size > MAX_SECRETS) return '(too many credentials to be kept)';
  const safe = [...secrets].reduce(withoutCredential, kept) as Body;
  return { ...safe, ...fingerprint(body) };
}
