export interface RetryPolicy {
  firstMs: number;
  maxMs: number;
  /** The longest wait that the other service may ask for. */
  maxRetryAfterMs: number;
}

/**
 * How long to wait after the `attempt`-th attempt (from 1) has failed: twice as long each time, up to a maximum. The
 * jitter takes up to half away, so that messages that failed together are not retried together.
 */
export function retryDelay(
  { firstMs, maxMs, maxRetryAfterMs }: RetryPolicy,
  attempt: number,
  random: () => number = Math.random,
  retryAfterMs = 0,
): number {
  const full = Math.min(firstMs * 2 ** (Math.max(attempt, 1) - 1), maxMs);
  const jittered = Math.round(full * (0.5 + random() / 2));
  return Math.max(jittered, Math.min(retryAfterMs, maxRetryAfterMs));
}

/**
 * The wait in milliseconds that a `Retry-After` asks for, as seconds or as an HTTP-date measured against `now`.
 * Undefined for any other text.
 */
export function parseRetryAfter(value: string | null | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // All three forms of an HTTP-date begin with the day's name. Date.parse alone would take `-5` for a year.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  // asctime, the oldest form, names no zone and means GMT.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0);
}
