import { MAX_RETRY_AFTER_MS } from './backoff.ts';
import type { Health } from './circuit.ts';

/** How one attempt ended, before anyone judged it. */
export type Answer =
  | { kind: 'status'; status: number; retryAfter?: string | null }
  | { kind: 'timeout' | 'network'; error: unknown };

/** What an attempt's end means for its message. */
export type Verdict =
  | { outcome: 'delivered' }
  | { outcome: 'retry'; code: string; retryAfterMs?: number }
  | { outcome: 'refused'; code: string };

/** Not Found is among them: a Core that is being deployed answers it for a route it will have again. */
const RETRIED_STATUSES = new Set([404, 408, 425, 429]);

/** The address, the credentials or the method are wrong: every message would get this answer. */
const WAY_STATUSES = new Set([401, 403, 405, 407]);
/** These may be about the way as well as about the message. */
const DOUBTFUL_STATUSES = new Set([404, 429]);

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

/** Judges one attempt; `now` (ms) is what an HTTP-date in Retry-After is measured against. */
export function classify(answer: Answer, now: number): Verdict {
  if (answer.kind !== 'status') return { outcome: 'retry', code: answer.kind };
  const { status } = answer;
  if (status >= 200 && status < 300) return { outcome: 'delivered' };
  const code = `http_${status}`;
  const retried = RETRIED_STATUSES.has(status) || (status >= 500 && status < 600);
  if (!retried) return { outcome: 'refused', code };
  const retryAfterMs = parseRetryAfter(answer.retryAfter, now);
  return retryAfterMs === undefined
    ? { outcome: 'retry', code }
    : { outcome: 'retry', code, retryAfterMs };
}

/** What an answer shows about Core. A retried status below 500 shows nothing. */
export function healthOf(answer: Answer): Health {
  if (answer.kind !== 'status' || answer.status >= 500 || isAboutTheWay(answer)) return 'down';
  return RETRIED_STATUSES.has(answer.status) ? 'unknown' : 'up';
}

/** Seconds or an HTTP-date; undefined when it is neither, for nonsense must not move a retry. */
function parseRetryAfter(value: string | null | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  // All three forms of an HTTP-date begin with the day's name. Date.parse alone would take `-5` for a year.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  // asctime, the oldest form, names no zone and means GMT.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  if (Number.isNaN(at)) return undefined;
  return Math.min(Math.max(at - now, 0), MAX_RETRY_AFTER_MS);
}
