/** Longer than clocks differ. */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

/** A time in milliseconds that another program wrote, or the present if that is impossible. */
export function plausibleTime(ms: number): number {
  const now = Date.now();
  return ms >= 0 && ms < now + MAX_AHEAD_MS ? ms : now;
}
