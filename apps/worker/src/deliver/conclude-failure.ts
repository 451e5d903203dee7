import type { PendingMessage } from '@contour/store';
import { isWorthRetrying } from './dead-letter.ts';

/** Core did not take the message: with which code, and whether another attempt may help. */
export interface Failure {
  code: string;
  sentence: string;
  mayRetry: boolean;
  retryAfterMs?: number | undefined;
}

/** Why a message is dead, as its entry says it. */
export type Death = 'core_refused' | 'core_exhausted';

export interface FailureDeps {
  maxAttempts: number;
  retryDelayMs: (attempt: number, retryAfterMs?: number) => number;
  /** Puts the message into the dead-letter queue, before it is marked dead. False: not possible now. */
  bury: (
    message: PendingMessage,
    reason: Death,
    error: { code: string; message: string },
  ) => Promise<boolean>;
}

export type Conclusion = { kind: 'dead'; reason: Death } | { kind: 'later'; delayMs: number };

const BURY_AGAIN_MS = 2_000;

/** Attempts since the message came, or came back from the dead-letter queue. */
const attemptsMade = (message: PendingMessage) => message.attempts - message.attemptsBefore;

/**
 * The failure of a message that was given up on and could not be buried then: it must not be sent
 * again, only buried.
 */
export function failureToBury(message: PendingMessage, maxAttempts: number): Failure | undefined {
  const { lastError } = message;
  if (lastError === null || attemptsMade(message) === 0) return undefined;
  const mayRetry = isWorthRetrying(lastError);
  if (mayRetry && attemptsMade(message) < maxAttempts) return undefined;
  return { code: lastError, sentence: `Core answered ${lastError}`, mayRetry };
}

/** Decides between another attempt and the dead-letter queue, and buries what is given up on. */
export async function concludeFailure(
  deps: FailureDeps,
  message: PendingMessage,
  failure: Failure,
  made: number = attemptsMade(message) + 1,
): Promise<Conclusion> {
  const { code, sentence, mayRetry, retryAfterMs } = failure;
  if (mayRetry && made < deps.maxAttempts) {
    return { kind: 'later', delayMs: deps.retryDelayMs(made, retryAfterMs) };
  }
  const reason = mayRetry ? 'core_exhausted' : 'core_refused';
  const isBuried = await deps.bury(message, reason, { code, message: sentence });
  // A dead message without an entry would be lost to whoever looks for it: it stays due instead.
  return isBuried ? { kind: 'dead', reason } : { kind: 'later', delayMs: BURY_AGAIN_MS };
}
