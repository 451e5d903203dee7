import { randomBytes } from 'node:crypto';

/**
 * JSON whose numbers survive the way through JavaScript. A sender's 12345678901234567890 or 1.50
 * must reach Core as it came, but JSON.parse rounds it. A number that would not come back the
 * same is wrapped as {MARK: "its text"} while it is a value here, and unwrapped when written. Nobody can
 * guess the mark: an object that only looks like a wrapped number stays an object.
 */
const MARK = `\u{f8ff}${randomBytes(8).toString('hex')}`;

// Strings are matched first so that digits inside them are passed over.
// A number is what JSON calls one: `01.5` must not come out of here as one that is wrapped.
const TOKEN = /"(?:[^"\\]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
// Only where a value may begin: most texts have dates and ids in them, and few have such a number.
const MIGHT_CHANGE = /(?:^|[,[]|"\s*:)\s*(?:-0|-?\d{16}|-?\d+[.eE])/;
const MARKED = new RegExp(`\\{"${MARK}":"(-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)"\\}`, 'g');

/** False where JSON.parse reads every number as it stands. */
export const mayHoldInexactNumbers = (text: string): boolean => MIGHT_CHANGE.test(text);

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
