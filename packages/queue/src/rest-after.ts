const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/*
 * | failures | 1   | 2   | 3   | 4   | 5    | 6 and more |
 * | rest     | 1 s | 2 s | 4 s | 8 s | 16 s | 30 s       |
 */

/** How long a message that has failed so often rests before it is tried again. */
export const restAfter = (failures: number): number =>
  Math.min(FIRST_MS * 2 ** Math.max(failures - 1, 0), LONGEST_MS);
