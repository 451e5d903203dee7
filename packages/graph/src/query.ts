import { readFileSync } from 'node:fs';

const FOLDER = new URL('../queries/', import.meta.url);
const texts = new Map<string, string>();

/** The Cypher of queries/<name>.cypher. */
export function query(name: string): string {
  const known = texts.get(name);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`${name}.cypher`, FOLDER), 'utf8');
  texts.set(name, text);
  return text;
}
