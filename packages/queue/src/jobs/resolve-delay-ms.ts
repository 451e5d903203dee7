const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/*
 * | failures               | 1      | 2     | 3   | 4   | 5    | 6    | 7    | 8 and more |
 * | delay of an entry      | 1 s    | 2 s   | 4 s | 8 s | 16 s | 30 s | 30 s | parked     |
 * | delay of a job, up to  | 0.25 s | 0.5 s | 1 s | 2 s | 4 s  | 8 s  | 16 s | 30 s       |
 */

/** How long a message waits for its next try after this many failures. */
export const resolveDelayMs = (failures: number, firstMs = FIRST_MS): number =>
  Math.min(firstMs * 2 ** Math.max(failures - 1, 0), LONGEST_MS);
