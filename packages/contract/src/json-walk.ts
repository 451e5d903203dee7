import { exactNumberText } from './exact-json.ts';

/** Deeper than any real payload, and shallow enough for every recursive walker behind us. */
export const MAX_DEPTH = 200;

export const isBranch = (value: unknown): value is object =>
  typeof value === 'object' && value !== null;

/** Stops one level past the limit, so that it is itself safe on any depth. */
export function isTooDeep(value: unknown, depth = 0): boolean {
  if (!isBranch(value)) return false;
  return depth > MAX_DEPTH || Object.values(value).some((child) => isTooDeep(child, depth + 1));
}

const PLACEHOLDER = '{credential}';

const withoutIn = (text: string, credential: string): string =>
  text.includes(credential) ? text.replaceAll(credential, () => PLACEHOLDER) : text;

/** Takes a credential out of a JSON value wherever it stands: in texts, in keys, as a number. */
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

/** The same value with every object's keys in one order, so that equal content has one text. */
export function inKeyOrder(value: unknown): unknown {
  if (!isBranch(value)) return value;
  if (Array.isArray(value)) return value.map(inKeyOrder);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, inKeyOrder(child)]),
  );
}
