import { stripVTControlCharacters, styleText } from 'node:util';

type Colour = 'green' | 'red' | 'yellow' | 'dim' | 'bold' | 'cyan';

/** Colours a text on a terminal; not in a file or a pipe, and not where NO_COLOR is set. */
export function paint(colour: Colour, text: string): string {
  const isPlain = !process.stdout.isTTY || (process.env.NO_COLOR ?? '') !== '';
  return isPlain ? text : styleText(colour, text);
}

const widthOf = (text: string) => [...stripVTControlCharacters(text)].length;

/** Lines with aligned columns. The first line is the heading. */
export function tableOf(
  heading: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
): string[] {
  const lines = [heading.map((name) => paint('dim', name)), ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...lines.map((line) => widthOf(line[column] ?? ''))),
  );
  const padded = (cell: string, column: number) =>
    cell + ' '.repeat((widths[column] ?? widthOf(cell)) - widthOf(cell));
  return lines.map((line) => line.map(padded).join('  ').trimEnd());
}

/**
 * Makes foreign text harmless for a terminal. Control characters could move the cursor or overwrite
 * output, others reverse the direction of a line. Each is shown by its number.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** A named value of an entry, or nothing where the value is not known. The name is padded. */
export function field(name: string, ...values: Array<string | number | null | undefined>) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? [] : [`${paint('dim', name)}${printable(known.join(', '))}`];
}

/** The same for several lines. Each is indented, so that none looks like a line of ours. */
export function printableLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => `  ${printable(line)}`);
}

const PRINT_DIGITS = 12;

/** A fingerprint as every table shows it: enough to name an account, in --fingerprint too. */
export const shortPrint = (fingerprint: string): string => fingerprint.slice(0, PRINT_DIGITS);

/** 1 234 567 */
export const grouped = (n: number): string => n.toLocaleString('en').replaceAll(',', ' ');
