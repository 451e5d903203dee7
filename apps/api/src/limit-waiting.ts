import { accountOf, type IncomingMessage } from '@contour/contract';
import { ProblemError, RETRY_AFTER_SECONDS } from './problem-error.ts';

/** Refuses a message of an account that has `max` messages waiting. Makes no request: the count is in memory. */
export function createWaitingLimit(
  waitingOf: (account: string) => number,
  max: number,
): (message: IncomingMessage) => void {
  return (message) => {
    if (waitingOf(accountOf(message)) < max) return;
    throw new ProblemError('too_many_requests', {
      detail: `At most ${max} messages of one account may wait to be resolved.`,
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
    });
  };
}
