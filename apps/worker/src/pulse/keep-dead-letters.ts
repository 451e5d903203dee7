import type { Dlq } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import { type DeadLetter, findDead, type Pool } from '@contour/store';
import { deadLetterEntry, isWorthRetrying } from '../deliver/dead-letter.ts';

/** More than a Redis that crashed can have lost, and little enough to leave alone what was cleared. */
const LATEST_SECONDS = 600;

async function restoreDeadLetters(
  dlq: Pick<Dlq, 'park'>,
  pages: AsyncIterable<DeadLetter[]>,
): Promise<number> {
  let restored = 0;
  for await (const letters of pages) {
    for (const letter of letters) {
      const code = letter.lastError ?? 'unknown';
      const reason = isWorthRetrying(code) ? 'core_exhausted' : 'core_refused';
      const error = { code, message: 'restored from the ledger' };
      await dlq.park(deadLetterEntry(letter, error, reason));
      restored += 1;
    }
  }
  return restored;
}

/**
 * A Redis that was wiped has lost the entries of dead messages, one that crashed those of its last
 * second: Postgres still knows every one.
 */
export async function keepDeadLetters(deps: {
  dlq: Pick<Dlq, 'keeping' | 'markKept' | 'park'>;
  pool: Pool;
  logger: Logger;
}): Promise<void> {
  const { dlq, pool, logger } = deps;
  const kept = await dlq.keeping();
  if (kept === 'all') return;
  const withinSeconds = kept === 'nothing' ? null : LATEST_SECONDS;
  const restored = await restoreDeadLetters(dlq, findDead(pool, { withinSeconds }));
  await dlq.markKept();
  if (restored > 0) logger.warn({ restored }, 'dlq.restored');
}
