import { stripVTControlCharacters, styleText } from 'node:util';

type Colour = 'green' | 'red' | 'yellow' | 'dim' | 'bold' | 'cyan';

/** Coloured on a terminal; as it is in a file, a pipe, or where NO_COLOR is set. */
export function paint(colour: Colour, text: string): string {
  const isPlain = !process.stdout.isTTY || (process.env.NO_COLOR ?? '') !== '';
  return isPlain ? text : styleText(colour, text);
}

const widthOf = (text: string) => [...stripVTControlCharacters(text)].length;

const padded = (text: string, width: number) =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)));

/** Lines with their columns under each other, the first one the heading. */
export function tableOf(
  heading: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
): string[] {
  const lines = [heading.map((name) => paint('dim', name)), ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...lines.map((line) => widthOf(line[column] ?? ''))),
  );
  return lines.map((line) =>
    line
      .map((cell, column) => padded(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
