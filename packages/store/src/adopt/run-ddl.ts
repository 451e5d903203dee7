import { setTimeout as delay } from 'node:timers/promises';
import type { PoolClient } from '../pool.ts';
import { sqlState } from '../sql-error.ts';
import { inTransaction } from '../transaction.ts';

// Whoever waits for an exclusive lock makes all others wait behind it: so it is asked for briefly,
// and again after a rest in which they get through.
const LOCK_TIMEOUT_MS = 150;
const REST_MS = 400;
const ATTEMPTS = 1_500;
const NOT_NOW = new Set(['55P03', '40P01']);

/** Runs work of a moment that needs a strong lock, as often as it takes to get it: ten minutes. */
export async function withBriefLocks<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inTransaction(client, async () => {
        await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
        return work();
      });
    } catch (error) {
      if (!NOT_NOW.has(sqlState(error)) || attempt === ATTEMPTS) throw error;
      await delay(REST_MS * (0.5 + Math.random()));
    }
  }
}

export const runDdl = (client: PoolClient, sql: string): Promise<unknown> =>
  withBriefLocks(client, () => client.query(sql));
