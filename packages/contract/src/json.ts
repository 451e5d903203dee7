import { randomBytes } from 'node:crypto';
import type { Fault } from './outcomes.ts';

/**
 * JSON without loss of digits. A sender's 12345678901234567890 or 1.50 must reach Core unchanged, but JSON.parse rounds
 * it. A number whose text JavaScript would change is wrapped as {MARK: "its text"} while it is a value, and unwrapped
 * when it is written. The mark is random, so a sender's object cannot look like a wrapped number.
 */
const MARK = `\u{f8ff}${randomBytes(8).toString('hex')}`;

// Strings are matched first so that digits inside them are passed over.
// Only numbers of JSON's grammar match: a wrapped `01.5` would be accepted, although it is not JSON.
const TOKEN = /"(?:[^"\\]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
// Only at the start of a value, because most texts contain dates and ids, and few contain such a number.
const MIGHT_CHANGE = /(?:^|[,[]|"\s*:)\s*(?:-0|-?\d{16}|-?\d+[.eE])/;
const MARKED = new RegExp(`\\{"${MARK}":"(-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)"\\}`, 'g');

/** False if JSON.parse changes no number. */
const mayHoldInexactNumbers = (text: string): boolean => MIGHT_CHANGE.test(text);

export function parseExactJson(text: string): unknown {
  if (!mayHoldInexactNumbers(text)) return JSON.parse(text);
  return JSON.parse(
    text.replace(TOKEN, (token) =>
      token.startsWith('"') || String(Number(token)) === token ? token : `{"${MARK}":"${token}"}`,
    ),
  );
}

export function writeExactJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.includes(MARK) ? text.replace(MARKED, '$1') : text;
}

/** The text of a wrapped number, or undefined when the value is anything else. */
function exactNumberText(value: object): string | undefined {
  const text = (value as Record<string, unknown>)[MARK];
  return typeof text === 'string' ? text : undefined;
}

/** The fields of free JSON, whose numbers keep all their digits. */
const EXACT_FIELDS = ['media', 'meta'];

/** Parses the text of a request, job or stream entry. Throws if it is not JSON. */
export function parseBody(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !mayHoldInexactNumbers(text)) return value;
  const fields = EXACT_FIELDS.filter((field) => Object.hasOwn(value, field));
  if (fields.length === 0) return value;
  const exact = parseExactJson(text) as Record<string, unknown>;
  return Object.assign(value, Object.fromEntries(fields.map((field) => [field, exact[field]])));
}

const isBranch = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** The JSON object of a request, job or stream entry. */
export type Body = Record<string, unknown>;

export const isBody = (value: unknown): value is Body => isBranch(value) && !Array.isArray(value);

/** Deeper than any real payload, and shallow enough for the recursive code that walks it. */
const MAX_DEPTH = 200;

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

/** As many as a message may have ids. Bounds answers and dead-letter entries. */
export const MAX_FAULTS = 1000;

/** Bounds a path, because its keys come from the sender and may be as long as the body. */
const MAX_PATH = 256;

function textFault(text: string): string | undefined {
  if (text.includes('\0')) return 'contains U+0000';
  if (!text.isWellFormed()) return 'contains a lone surrogate';
  return undefined;
}

interface Walk {
  /** The current place: the field and the keys below it. */
  trail: string[];
  /** A key as an answer may show it. */
  shown: (key: string) => string;
  faults: Fault[];
  /** How many keys all objects of the body have together, so far. */
  keys: number;
  maxKeys: number;
  isTooDeep: boolean;
}

// Built only for a fault: a body may have tens of thousands of strings, and nearly all are valid.
function pathOf({ trail, shown }: Walk): string {
  const [field = '', ...keys] = trail;
  let path = field;
  for (const key of keys) {
    if (path.length > MAX_PATH) break;
    path = `${path}.${shown(key)}`.slice(0, MAX_PATH + 1);
  }
  return path;
}

function walk(value: unknown, state: Walk): void {
  if (typeof value === 'string') {
    const message = textFault(value);
    if (message !== undefined && state.faults.length < MAX_FAULTS) {
      state.faults.push({ path: pathOf(state), message });
    }
    return;
  }
  if (!isBranch(value) || exactNumberText(value) !== undefined) return;
  if (state.trail.length > MAX_DEPTH) state.isTooDeep = true;
  if (Array.isArray(value)) walkList(value, state);
  else walkObject(value as Record<string, unknown>, state);
}

const isOver = ({ isTooDeep, keys, maxKeys }: Walk) => isTooDeep || keys > maxKeys;

function walkList(list: readonly unknown[], state: Walk): void {
  for (let index = 0; index < list.length && !isOver(state); index += 1) {
    const item = list[index];
    if (typeof item !== 'string' && !isBranch(item)) continue;
    state.trail.push(String(index));
    walk(item, state);
    state.trail.pop();
  }
}

function walkObject(object: Record<string, unknown>, state: Walk): void {
  const keys = Object.keys(object);
  state.keys += keys.length;
  for (const key of keys) {
    if (isOver(state)) return;
    const fault = textFault(key);
    if (fault !== undefined) {
      if (state.faults.length < MAX_FAULTS) {
        state.faults.push({ path: pathOf(state), message: `has a key that ${fault}` });
      }
      continue;
    }
    const child = object[key];
    if (typeof child !== 'string' && !isBranch(child)) continue;
    state.trail.push(key);
    walk(child, state);
    state.trail.pop();
  }
}

/**
 * Walks every field of a body once. Lists strings and keys that no database or JSON reader would accept, and refuses
 * fields that are nested too deeply or have too many keys. `usable` holds the fields that later steps may walk again.
 */
export function inspect(
  body: Body,
  { shown, maxKeys }: Pick<Walk, 'shown' | 'maxKeys'>,
): { usable: Body; faults: Fault[] } {
  const usable = { ...body };
  const refused: Fault[] = [];
  const found: Fault[] = [];
  let keys = 0;
  for (const [path, value] of Object.entries(body)) {
    const state: Walk = { trail: [path], shown, faults: [], keys, maxKeys, isTooDeep: false };
    walk(value, state);
    const hasKeys = state.keys > keys;
    keys = state.keys;
    if (!state.isTooDeep) found.push(...state.faults);
    const message = state.isTooDeep
      ? `is nested deeper than ${MAX_DEPTH} levels`
      : `has too many keys: media and meta may have ${maxKeys} together`;
    if (!state.isTooDeep && !(hasKeys && keys > maxKeys)) continue;
    delete usable[path];
    refused.push({ path, message });
  }
  return { usable, faults: [...refused, ...found] };
}
