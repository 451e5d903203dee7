import type { Dlq } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import { findForDeadLetter, type PendingMessage, type Pool } from '@contour/store';
import type { FailureDeps } from './conclude-failure.ts';
import { deadLetterEntry } from './dead-letter.ts';

/** Writes the dead-letter entry of a message that Core refused for good. */
export function createBury(deps: {
  pool: Pool;
  dlq: Pick<Dlq, 'park'>;
  logger: Logger;
}): FailureDeps['bury'] {
  return async (message: PendingMessage, reason, error) => {
    try {
      const [letter] = await findForDeadLetter(deps.pool, [message]);
      if (letter === undefined) throw new Error('the message or its channel account is gone');
      const entry = deadLetterEntry(letter, error, reason);
      await deps.dlq.park({ ...entry, attempts: message.attempts + 1 });
      return true;
    } catch (err) {
      deps.logger.error({ err, message_id: message.messageId }, 'delivery.not_buried');
      return false;
    }
  };
}
