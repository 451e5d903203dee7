import { AppError, accountOf, type IncomingMessage } from '@contour/contract';
import type { Ending } from '@contour/store';
import type { Suspects } from './suspects.ts';

/** Within so long after a message was stored, Postgres is not slow for all. */
const STORED_LATELY_MS = 5_000;

const isBusy = (ending: Ending): ending is AppError =>
  ending instanceof AppError && ending.code === 'postgres_busy';

/** Nothing is known of a message that waits for another; every other ending but a receipt tells of the message. */
const isAtFault = (ending: Ending): boolean =>
  ending instanceof AppError ? ending.code !== 'not_tried' : ending.kind === 'invalid';

/**
 * Decides whose fault it is that messages could not be resolved. Where this process has stored others within the last
 * seconds, it is about these messages: their accounts are suspected. Where it has stored nothing, every lock and
 * time-out is Postgres being slow for all: then waiting is right, and nothing is held against any message.
 */
export function createJudge(
  suspects: Suspects,
  nowMs: () => number = () => performance.now(),
): (messages: readonly IncomingMessage[], endings: readonly Ending[]) => Ending[] {
  let storedAt = Number.NEGATIVE_INFINITY;

  return (messages, endings) => {
    if (endings.some((ending) => 'kind' in ending && ending.kind === 'resolved')) {
      storedAt = nowMs();
    }
    const isSlowForAll = nowMs() - storedAt > STORED_LATELY_MS && endings.some(isBusy);
    if (isSlowForAll) {
      suspects.clear();
      return endings.map((ending) =>
        isBusy(ending) ? new AppError('postgres_unavailable', ending.message, ending) : ending,
      );
    }
    for (const [i, message] of messages.entries()) {
      const ending = endings[i];
      if (ending !== undefined && isAtFault(ending)) suspects.note(accountOf(message));
    }
    return [...endings];
  };
}
