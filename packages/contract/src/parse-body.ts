import { mayHoldInexactNumbers, parseExactJson } from './exact-json.ts';

/** Free JSON keeps its numbers to the digit; every other field is read as JavaScript reads it. */
const EXACT_FIELDS = ['media', 'meta'];

/** Reads a body's text, wherever it came in. Throws where it is no JSON. */
export function parseBody(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !mayHoldInexactNumbers(text)) return value;
  const fields = EXACT_FIELDS.filter((field) => Object.hasOwn(value, field));
  if (fields.length === 0) return value;
  const exact = parseExactJson(text) as Record<string, unknown>;
  return Object.assign(value, Object.fromEntries(fields.map((field) => [field, exact[field]])));
}
