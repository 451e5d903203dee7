import type { DlqEntry } from '@contour/contract';
import type { Dlq } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import { type DeadLetter, deadAmong, deliveredAmong, findDead, type Pool } from '@contour/store';
import { deadLetterEntry, isWorthRetrying } from '../deliver/dead-letter.ts';

/** More than a Redis that crashed can have lost, and little enough to leave alone what was cleared. */
const LATEST_SECONDS = 600;

interface LettersDeps {
  dlq: Pick<Dlq, 'park' | 'read' | 'remove' | 'matching'>;
  pool: Pool;
}

function restoredEntry(letter: DeadLetter): DlqEntry {
  const code = letter.lastError ?? 'unknown';
  const reason = isWorthRetrying(code) ? 'core_exhausted' : 'core_refused';
  return deadLetterEntry(letter, { code, message: 'restored from the ledger' }, reason);
}

const keyOf = ({ id, tenantId }: DlqEntry) => ({ tenantId: tenantId ?? '', messageId: id });

/** Under the same id there may be another entry by now: that one stays. */
async function removeIf(
  { dlq }: LettersDeps,
  id: string,
  isMeant: (entry: DlqEntry) => boolean,
): Promise<boolean> {
  const found = await dlq.read(id);
  return found !== null && isMeant(found.entry) && dlq.remove(id, found.digest);
}

/** What a replay has brought back to life meanwhile, and has taken the entry of, gets none again. */
async function restoreDeadLetters(
  deps: LettersDeps,
  pages: AsyncIterable<DeadLetter[]>,
): Promise<number> {
  let restored = 0;
  for await (const letters of pages) {
    const entries = letters.map(restoredEntry);
    for (const entry of entries) await deps.dlq.park(entry);
    const dead = await deadAmong(deps.pool, entries.map(keyOf));
    const deadIds = new Set(dead.map(({ messageId }) => messageId));
    for (const { id, failedAt, error } of entries.filter((entry) => !deadIds.has(entry.id))) {
      // A delivery that has failed since then has written another.
      const isOurs = (entry: DlqEntry) =>
        entry.failedAt === failedAt && entry.error.message === error.message;
      await removeIf(deps, id, isOurs);
    }
    restored += dead.length;
  }
  return restored;
}

/**
 * An entry is written before its message is marked dead. Where the worker dies in between, and Core takes the
 * message after all, the entry is about nothing.
 */
export async function dropDeliveredLetters(deps: LettersDeps & { logger: Logger }): Promise<void> {
  let dropped = 0;
  for await (const entries of deps.dlq.matching({}, Number.POSITIVE_INFINITY)) {
    const isAboutCore = ({ stage }: DlqEntry) => stage === 'deliver';
    const asked = entries.filter(isAboutCore).map(keyOf);
    for (const { messageId } of await deliveredAmong(deps.pool, asked)) {
      if (await removeIf(deps, messageId, isAboutCore)) dropped += 1;
    }
  }
  if (dropped > 0) deps.logger.info({ dropped }, 'dlq.delivered_dropped');
}

/**
 * A Redis that was wiped has lost the entries of dead messages, one that crashed those of its last
 * second: Postgres still knows every one.
 */
export async function keepDeadLetters(deps: {
  dlq: LettersDeps['dlq'] & Pick<Dlq, 'keeping' | 'markKept'>;
  pool: Pool;
  logger: Logger;
}): Promise<void> {
  const { dlq, pool, logger } = deps;
  const kept = await dlq.keeping();
  if (kept === 'all') return;
  const withinSeconds = kept === 'nothing' ? null : LATEST_SECONDS;
  const restored = await restoreDeadLetters(deps, findDead(pool, { withinSeconds }));
  await dlq.markKept();
  if (restored > 0) logger.warn({ restored }, 'dlq.restored');
}
