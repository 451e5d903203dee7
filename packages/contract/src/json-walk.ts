import { exactNumberText } from './exact-json.ts';
import type { Fault } from './faults.ts';

/** Deeper than any real payload, and shallow enough for every recursive walker behind us. */
export const MAX_DEPTH = 200;

const isBranch = (value: unknown): value is object => typeof value === 'object' && value !== null;

function textFault(text: string): string | undefined {
  if (text.includes('\0')) return 'contains U+0000';
  if (!text.isWellFormed()) return 'contains a lone surrogate';
  return undefined;
}

/** Stops one level past the limit, so that it is itself safe on any depth. */
export function isTooDeep(value: unknown, depth = 0): boolean {
  if (!isBranch(value)) return false;
  return depth > MAX_DEPTH || Object.values(value).some((child) => isTooDeep(child, depth + 1));
}

/** As many as there may be message ids: past it no answer, and no dead-letter entry, has an end. */
export const MAX_FAULTS = 1000;

/** A path tells where to look: keys are the sender's, and may be as long as the body. */
const MAX_PATH = 256;

const pathTo = (path: string, key: string): string =>
  path.length > MAX_PATH ? path : `${path}.${key}`.slice(0, MAX_PATH + 1);

/**
 * Names the strings (and keys) in a JSON value that no database or JSON reader would take, up to
 * MAX_FAULTS of them. `shown` is a key as it may be told.
 */
export function findTextFaults(
  value: unknown,
  path: string,
  shown: (key: string) => string,
  found: Fault[] = [],
): Fault[] {
  if (found.length >= MAX_FAULTS) return found;
  if (typeof value === 'string') {
    const message = textFault(value);
    if (message !== undefined) found.push({ path, message });
  } else if (isBranch(value)) {
    const isList = Array.isArray(value);
    for (const [key, child] of Object.entries(value)) {
      const keyFault = textFault(key);
      if (keyFault !== undefined) found.push({ path, message: `has a key that ${keyFault}` });
      else findTextFaults(child, pathTo(path, isList ? key : shown(key)), shown, found);
    }
  }
  return found;
}

const PLACEHOLDER = '{credential}';

/** Takes a credential out of a JSON value wherever it stands: in texts, in keys, as a number. */
export function withoutCredential(value: unknown, credential: string): unknown {
  if (typeof value === 'string') return value.replaceAll(credential, () => PLACEHOLDER);
  if (typeof value === 'number') return String(value) === credential ? PLACEHOLDER : value;
  if (!isBranch(value)) return value;
  if (exactNumberText(value) === credential) return PLACEHOLDER;
  if (Array.isArray(value)) return value.map((item) => withoutCredential(item, credential));
  // fromEntries defines keys, so that a key named __proto__ stays a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key.replaceAll(credential, () => PLACEHOLDER),
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
