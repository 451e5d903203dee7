import type { Ending, Health } from '@contour/upstream';

/** How one attempt ended, before it is judged. */
type Answer = Extract<Ending, { kind: 'status' | 'timeout' | 'network' }>;

/** The consequence of an answer for its message. */
type Verdict =
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
function isAboutTheWay(answer: Answer): boolean {
  if (answer.kind !== 'status') return false;
  const { status } = answer;
  return (status >= 300 && status < 400) || WAY_STATUSES.has(status);
}

/** Whether an answer is about a message only if Core accepts other messages. */
function mayBeAboutTheWay(answer: Answer): boolean {
  const isDoubtful = answer.kind === 'status' && DOUBTFUL_STATUSES.has(answer.status);
  return isDoubtful || isAboutTheWay(answer);
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

/**
 * The health of Core by the end of a push. A retried status below 500 shows nothing. If Core accepts messages of other
 * tenants meanwhile, the way works, and Core refuses this tenant's messages.
 */
export function healthOf(ending: Ending, acceptsOthers: boolean): Health {
  if (ending.kind === 'aborted' || ending.kind === 'unsendable') return 'unknown';
  if (isAboutTheWay(ending)) return acceptsOthers ? 'up' : 'down';
  if (ending.kind !== 'status' || ending.status >= 500) return 'down';
  return RETRIED_STATUSES.has(ending.status) ? 'unknown' : 'up';
}

/** Short, because a circuit holds back all but a few of these messages. */
const MAX_WAY_DELAY_MS = 5_000;
/** For 404 and 429, which open no circuit. */
const MAX_DOUBTFUL_DELAY_MS = 15_000;
/** A forgotten message is tried once more than necessary. */
const MAX_REMEMBERED = 10_000;
/** With no room, the oldest is forgotten only after this time: its message has ended, or went to another worker. */
const KEPT_MS = 10 * 60_000;
const LOG_EVERY_MS = 10_000;

export interface CoreLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A verdict, or `postponed`: the message waits and no attempt is counted. */
export type Judgement = Verdict | { outcome: 'postponed'; code: string; delayMs: number };

export type Judge = (answer: Answer, verdict: Verdict) => Judgement;

interface Refused {
  at: number;
  /** Consecutive refusals without a counted attempt. */
  times: number;
}

/**
 * Distinguishes answers about the way to Core from answers about a message. A refusal that may be about the way counts
 * only if Core has accepted another message since the earlier refusal of this one. The accepted message must have been
 * sent after that refusal came: an earlier message's answer may be late and date from before the way broke. It must
 * have been answered before this message was sent again: a late refusal may date from before the way was repaired.
 */
export function createRefusals(deps: {
  /** A clock that never goes back. */
  now?: () => number;
  logger?: Pick<CoreLogger, 'warn'> | undefined;
}) {
  const { now = () => performance.now(), logger } = deps;
  const refused = new Map<string, Refused>();
  const unlogged = new Map<string, number>();
  let acceptedAt = Number.NEGATIVE_INFINITY;
  let loggedAt = Number.NEGATIVE_INFINITY;

  // A new message does not replace a recent one. Otherwise, with more dialogs than places, none would ever be judged.
  const remember = (messageId: string, times: number): void => {
    refused.delete(messageId);
    const [oldest] = refused;
    if (refused.size >= MAX_REMEMBERED && oldest !== undefined) {
      if (now() - oldest[1].at < KEPT_MS) return;
      refused.delete(oldest[0]);
    }
    refused.set(messageId, { at: now(), times });
  };

  const log = (code: string): void => {
    unlogged.set(code, (unlogged.get(code) ?? 0) + 1);
    if (now() - loggedAt < LOG_EVERY_MS) return;
    loggedAt = now();
    for (const [status, count] of unlogged) logger?.warn({ status, count }, 'core.refuses');
    unlogged.clear();
  };

  return {
    /** Begins an attempt at a message and returns the judge of Core's answer. */
    begin(messageId: string): Judge {
      const sentAt = now();
      const before = refused.get(messageId);
      const acceptsOthers = before !== undefined && acceptedAt > before.at;

      return (answer, verdict) => {
        if (verdict.outcome === 'delivered') acceptedAt = Math.max(acceptedAt, sentAt);
        if (verdict.outcome === 'delivered' || !mayBeAboutTheWay(answer)) {
          refused.delete(messageId);
          return verdict;
        }
        if (acceptsOthers) {
          if (verdict.outcome === 'retry') remember(messageId, 0);
          else refused.delete(messageId);
          return verdict;
        }
        const times = (before?.times ?? 0) + 1;
        remember(messageId, times);
        log(verdict.code);
        const retryAfterMs = verdict.outcome === 'retry' ? (verdict.retryAfterMs ?? 0) : 0;
        const mostMs = isAboutTheWay(answer) ? MAX_WAY_DELAY_MS : MAX_DOUBTFUL_DELAY_MS;
        const delayMs = Math.max(Math.min(retryDelayMs(times), mostMs), retryAfterMs);
        return { outcome: 'postponed', code: verdict.code, delayMs };
      };
    },
    /** Whether Core has accepted a message that was sent after this time. */
    hasAcceptedSince: (time: number) => acceptedAt > time,
    /** How long ago the latest message was sent that Core has accepted; null if there is none. */
    acceptedAgoMs: () => (Number.isFinite(acceptedAt) ? now() - acceptedAt : null),
    /** Notes that Core accepted a message of another worker, sent this long ago. */
    acceptedElsewhere(agoMs: number): void {
      acceptedAt = Math.max(acceptedAt, now() - agoMs);
    },
  };
}
