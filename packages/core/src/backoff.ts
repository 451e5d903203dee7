const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 5 * 60_000;

/** A Core may ask for patience, but not park a dialog for a day by mistake. */
export const MAX_RETRY_AFTER_MS = 60 * 60_000;

/**
 * How long a message waits after its `attempt`-th attempt (from 1) has failed. The jitter takes up to
 * half away, so that what failed together does not come back together.
 *
 *   after attempt   1   2   3   4   5   6    7    8     9     10   11   12
 *   at most         1s  2s  4s  8s  16s 32s  64s  128s  256s  5m   5m   (none is left)
 *   since the first 1s  3s  7s  15s 31s 63s  2m   4m    8.5m  13m  18m
 *
 * With 12 attempts a message is given up 9 to 18 minutes after its first one, if Core answered nothing
 * else to others meanwhile; a Core down for everyone opens the circuit, and waiting for it costs none.
 */
export function retryDelayMs(
  attempt: number,
  random: () => number = Math.random,
  retryAfterMs = 0,
): number {
  const full = Math.min(FIRST_DELAY_MS * 2 ** (Math.max(attempt, 1) - 1), MAX_DELAY_MS);
  const jittered = Math.round(full * (0.5 + random() / 2));
  return Math.max(jittered, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
}
