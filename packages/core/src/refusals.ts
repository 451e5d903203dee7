import {
  type Answer,
  isAboutTheWay,
  mayBeAboutTheWay,
  retryDelayMs,
  type Verdict,
} from './classify.ts';

/** Short, because a circuit holds back all but a few of these messages. */
const MAX_WAY_DELAY_MS = 5_000;
/** For 404 and 429, which open no circuit. */
const MAX_DELAY_MS = 15_000;
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
        const mostMs = isAboutTheWay(answer) ? MAX_WAY_DELAY_MS : MAX_DELAY_MS;
        const delayMs = Math.max(Math.min(retryDelayMs(times), mostMs), retryAfterMs);
        return { outcome: 'postponed', code: verdict.code, delayMs };
      };
    },
    /** Whether Core has accepted a message that was sent after this time. */
    hasAcceptedSince: (time: number) => acceptedAt > time,
    acceptedAgoMs: () => (Number.isFinite(acceptedAt) ? now() - acceptedAt : null),
    acceptedElsewhere(agoMs: number): void {
      acceptedAt = Math.max(acceptedAt, now() - agoMs);
    },
  };
}
