/**
 * What others wrote, made harmless for a terminal: control characters, which could move the cursor or
 * rewrite what was shown, and those that turn the direction of a line are shown by their number.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** The same for a text of several lines: each is indented, so that none can pass for one of ours. */
export function printableLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => `  ${printable(line)}`);
}
