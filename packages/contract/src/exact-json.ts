import { randomBytes } from 'node:crypto';

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
export function exactNumberText(value: object): string | undefined {
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
