import type { Ending, Health } from '@contour/upstream';

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

const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 5 * 60_000;
/** A longer Retry-After is probably a mistake, and would hold a dialog for a day. */
const MAX_RETRY_AFTER_MS = 60 * 60_000;

/**
 * How long a message waits after its `attempt`-th attempt (from 1) has failed: twice as long each time, up to a maximum.
 *
 *   after attempt   1   2   3   4   5   6    7    8     9     10   11   12
 *   at most         1s  2s  4s  8s  16s 32s  64s  128s  256s  5m   5m   (none is left)
 *   since the first 1s  3s  7s  15s 31s 63s  2m   4m    8.5m  13m  18m
 *
 * The jitter takes up to half away, so that messages that failed together are not retried together. So with 12 attempts
 * a message becomes dead 9 to 18 minutes after its first one. If Core answers no other message either, the circuit opens,
 * and waiting for it costs no attempt.
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
  return { outcome: 'retry', code, retryAfterMs: Math.min(asked, MAX_RETRY_AFTER_MS) };
}

/**
 * The wait in milliseconds that a `Retry-After` asks for, as seconds or as an HTTP-date measured against `now`.
 * Undefined for any other text.
 */
function parseRetryAfter(value: string | null | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // All three forms of an HTTP-date begin with the day's name. Date.parse alone would take `-5` for a year.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  // asctime, the oldest form, names no zone and means GMT.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0);
}

/** The health of Core by an answer. A retried status below 500 shows nothing. */
export function healthOf(answer: Answer): Health {
  if (answer.kind !== 'status' || answer.status >= 500 || isAboutTheWay(answer)) return 'down';
  return RETRIED_STATUSES.has(answer.status) ? 'unknown' : 'up';
}
