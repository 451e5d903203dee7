import { AppError, accountOf, type IncomingMessage } from '@contour/contract';
import type { Ending } from '@contour/store';
import type { Suspects } from './suspects.ts';

/** For this long after this worker stored a message, it does not consider Postgres slow for all. */
const STORED_LATELY_MS = 5_000;

const isBusy = (ending: Ending): ending is AppError =>
  ending instanceof AppError && ending.code === 'postgres_busy';

/** A message that waited for another was not tried. Every other error is about the message itself. */
const isAtFault = (ending: Ending): boolean =>
  ending instanceof AppError ? ending.code !== 'not_tried' : ending.kind === 'invalid';

/**
 * Decides whether a failure is about a message or about Postgres. If this process has stored other messages within the
 * last seconds, it is about the message, and its account becomes a suspect. If it has stored none, locks and time-outs
 * mean that Postgres is slow for all: the messages wait, and no failure is counted.
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
