import type { Contour } from '../../support/contour.ts';
import { waitFor } from '../../support/wait-for.ts';
import { operate } from '../harm/operator-cards.ts';
import type { Journal } from '../journal.ts';

const TIDY_MS = 60_000;

/** As operators do at the end of a day: replays the entries that can be delivered, and clears the others. */
export async function tidyDeadLetters(contour: Contour, journal: Journal): Promise<void> {
  const isEmpty = async () => {
    for (const reason of ['core_refused', 'core_exhausted', 'stalled']) {
      await operate(contour, 'POST', '/dlq/replay', { reason });
    }
    for (const reason of ['conflict', 'invalid']) {
      await operate(contour, 'DELETE', `/dlq?reason=${reason}`);
    }
    const { count } = await operate(contour, 'GET', '/dlq?limit=1');
    return count === 0;
  };
  await waitFor('an empty dead-letter queue', isEmpty, {
    deadlineMs: TIDY_MS,
    everyMs: 1_000,
  }).catch(async () => {
    const left = await contour.dlq();
    const shown = left
      .slice(0, 5)
      .map(({ id, reason, error }) => `${reason} ${id} ${error?.message}`);
    journal.find('dlq_not_empty', `${left.length} entries: ${shown.join('; ')}`);
  });
}
