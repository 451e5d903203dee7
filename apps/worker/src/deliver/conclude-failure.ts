import type { Death, PendingMessage } from '@contour/store';

/** Core did not take the message: with which code, and whether another attempt may help. */
export interface Failure {
  code: string;
  sentence: string;
  mayRetry: boolean;
  retryAfterMs?: number | undefined;
}

export interface FailureDeps {
  maxAttempts: number;
  retryDelayMs: (attempt: number, retryAfterMs?: number) => number;
}

export type Conclusion = { kind: 'dead'; death: Death } | { kind: 'later'; delayMs: number };

/** Attempts since the message came, or came back from the dead-letter queue. */
const attemptsMade = (message: PendingMessage) => message.attempts - message.attemptsBefore;

/** Decides between another attempt and the dead-letter queue. */
export function concludeFailure(
  deps: FailureDeps,
  message: PendingMessage,
  { sentence, mayRetry, retryAfterMs }: Failure,
): Conclusion {
  const made = attemptsMade(message) + 1;
  if (mayRetry && made < deps.maxAttempts) {
    return { kind: 'later', delayMs: deps.retryDelayMs(made, retryAfterMs) };
  }
  const reason = mayRetry ? 'core_exhausted' : 'core_refused';
  return { kind: 'dead', death: { reason, message: sentence } };
}
