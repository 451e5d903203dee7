import {
  type Ending,
  type Health,
  parseRetryAfter,
  type RetryPolicy,
  retryDelay,
} from '@contour/upstream';

/** How one attempt ended, before it is judged. */
export type Answer = Extract<Ending, { kind: 'status' | 'timeout' | 'network' }>;

/** The consequence of an answer for its message. */
export type Verdict =
  | { outcome: 'delivered' }
  | { outcome: 'retry'; code: string; retryAfterMs?: number }
  | { outcome: 'refused'; code: string };

/** 404 is among them: a Core that is being deployed answers it for a route that it will have again. */
const RETRIED_STATUSES = new Set([404, 408, 425, 429]);
/** The address, the credentials or the method are wrong: every message would get this answer. */
const WAY_STATUSES = new Set([401, 403, 405, 407]);
/** These may be about the way as well as about the message. */
const DOUBTFUL_STATUSES = new Set([404, 429]);

const RETRIES: RetryPolicy = {
  firstMs: 1000,
  maxMs: 5 * 60_000,
  // A longer Retry-After is probably a mistake, and would hold a dialog for a day.
  maxRetryAfterMs: 60 * 60_000,
};

/**
 * How long a message waits after its `attempt`-th attempt (from 1) has failed.
 *
 *   after attempt   1   2   3   4   5   6    7    8     9     10   11   12
 *   at most         1s  2s  4s  8s  16s 32s  64s  128s  256s  5m   5m   (none is left)
 *   since the first 1s  3s  7s  15s 31s 63s  2m   4m    8.5m  13m  18m
 *
 * The jitter takes up to half away. So with 12 attempts a message becomes dead 9 to 18 minutes after its first one. If
 * Core answers no other message either, the circuit opens, and waiting for it costs no attempt.
 */
export const retryDelayMs = (
  attempt: number,
  random?: () => number,
  retryAfterMs?: number,
): number => retryDelay(RETRIES, attempt, random, retryAfterMs);

/** Whether an answer is about the way to Core rather than about a message. */
export function isAboutTheWay(answer: Answer): boolean {
  if (answer.kind !== 'status') return false;
  const { status } = answer;
  return (status >= 300 && status < 400) || WAY_STATUSES.has(status);
}

/** Whether an answer is about a message only if Core accepts other messages. */
export function mayBeAboutTheWay(answer: Answer): boolean {
  return (
    isAboutTheWay(answer) || (answer.kind === 'status' && DOUBTFUL_STATUSES.has(answer.status))
  );
}

/** Judges one attempt. An HTTP-date in `Retry-After` is measured against `now`. */
export function classify(answer: Answer, now: number): Verdict {
  if (answer.kind !== 'status') return { outcome: 'retry', code: answer.kind };
  const { status } = answer;
  if (status >= 200 && status < 300) return { outcome: 'delivered' };
  const code = `http_${status}`;
  const retried = RETRIED_STATUSES.has(status) || (status >= 500 && status < 600);
  if (!retried) return { outcome: 'refused', code };
  const asked = parseRetryAfter(answer.retryAfter, now);
  if (asked === undefined) return { outcome: 'retry', code };
  return { outcome: 'retry', code, retryAfterMs: Math.min(asked, RETRIES.maxRetryAfterMs) };
}

/** The health of Core by an answer. A retried status below 500 shows nothing. */
export function healthOf(answer: Answer): Health {
  if (answer.kind !== 'status' || answer.status >= 500 || isAboutTheWay(answer)) return 'down';
  return RETRIED_STATUSES.has(answer.status) ? 'unknown' : 'up';
}
