import { exactNumberText, writeExactJson } from './exact-json.ts';

/** Deeper than any real payload, and shallow enough for the recursive code that walks it. */
export const MAX_DEPTH = 200;

export const isBranch = (value: unknown): value is object =>
  typeof value === 'object' && value !== null;

/** Stops one level past the limit, so that it is safe at any depth. */
export function isTooDeep(value: unknown, depth = 0): boolean {
  if (!isBranch(value)) return false;
  return depth > MAX_DEPTH || Object.values(value).some((child) => isTooDeep(child, depth + 1));
}

const PLACEHOLDER = '{credential}';

const withoutIn = (text: string, credential: string): string =>
  text.includes(credential) ? text.replaceAll(credential, () => PLACEHOLDER) : text;

/** Removes a credential from a JSON value: in texts, in keys, and as a number. */
export function withoutCredential(value: unknown, credential: string): unknown {
  if (typeof value === 'string') return withoutIn(value, credential);
  if (typeof value === 'number') return String(value) === credential ? PLACEHOLDER : value;
  if (!isBranch(value)) return value;
  if (exactNumberText(value) === credential) return PLACEHOLDER;
  if (Array.isArray(value)) return value.map((item) => withoutCredential(item, credential));
  // fromEntries defines keys, so that a key named __proto__ stays a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      withoutIn(key, credential),
      withoutCredential(child, credential),
    ]),
  );
}

/** Sorts the keys of all objects, so that equal content has one text. */
export function inKeyOrder(value: unknown): unknown {
  if (!isBranch(value)) return value;
  if (Array.isArray(value)) return value.map(inKeyOrder);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, inKeyOrder(child)]),
  );
}

/** A shorter credential is a public id and not a secret. Its removal everywhere would damage the body. */
export const MIN_SECRET_LENGTH = 8;

const isSecret = (credential: string | null | undefined): credential is string =>
  (credential?.length ?? 0) >= MIN_SECRET_LENGTH;

/** False only if the value with this JSON does not contain the credential. */
export const mayContain = (json: string, credential: string): boolean =>
  json.includes(JSON.stringify(credential).slice(1, -1));

/** Storable JSON and its text, without the message's own credential. */
export interface FreeJson {
  value: unknown;
  /** Null if the field is absent. */
  text: string | null;
}

/** Removes the credential. A search in the text first saves the walk through most values. */
export function freeJson(value: unknown, credential: string | null | undefined): FreeJson {
  if ((value ?? null) === null) return { value: null, text: null };
  const text = writeExactJson(value);
  if (!isSecret(credential) || !mayContain(text, credential)) return { value, text };
  const redacted = withoutCredential(value, credential);
  return { value: redacted, text: writeExactJson(redacted) };
}
