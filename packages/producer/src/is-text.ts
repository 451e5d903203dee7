/** A string that the database behind can hold: without U+0000, and without half a character. */
export const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
