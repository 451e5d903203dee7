import { setTimeout as delay } from 'node:timers/promises';
import type { PoolClient } from '../pool.ts';

const PAUSE_MS = 100;

interface Patience {
  withinMs: number;
  /** What is thrown when the time is over. */
  refusal: string;
}

/**
 * Asks for an advisory lock until it is held, for ever unless told otherwise. Whoever waits in a statement has a
 * snapshot, and an index that is made CONCURRENTLY waits for all that are older than its own: the two would wait
 * for each other.
 */
export async function takeTurn(
  client: PoolClient,
  lock: number,
  patience?: Patience,
): Promise<void> {
  const giveUpAt = Date.now() + (patience?.withinMs ?? Infinity);
  for (;;) {
    const { rows } = await client.query('select pg_try_advisory_lock($1) as mine', [lock]);
    if (rows[0]?.mine === true) return;
    if (patience !== undefined && Date.now() > giveUpAt) throw new Error(patience.refusal);
    await delay(PAUSE_MS);
  }
}
