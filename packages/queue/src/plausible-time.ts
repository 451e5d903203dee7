/** Further ahead than clocks differ it tells nothing. */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

/** A time that another program has written, in milliseconds; the present where that cannot be one. */
export function plausibleTime(ms: number): number {
  const now = Date.now();
  return ms >= 0 && ms < now + MAX_AHEAD_MS ? ms : now;
}
