import { setTimeout as delay } from 'node:timers/promises';
import type { PoolClient } from '../pool.ts';
import { sqlState } from '../sql-error.ts';
import { inTransaction } from '../transaction.ts';
import { readIndexStatement } from './index-statement.ts';

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

async function stateOfIndex(client: PoolClient, name: string): Promise<'none' | 'valid' | 'left'> {
  const { rows } = await client.query<{ indisvalid: boolean }>(
    'select indisvalid from pg_index where indexrelid = to_regclass($1)',
    [name],
  );
  if (rows[0] === undefined) return 'none';
  return rows[0].indisvalid ? 'valid' : 'left';
}

export const dropIndex = (client: PoolClient, name: string): Promise<unknown> =>
  client.query(`drop index concurrently if exists ${name}`);

/**
 * Makes an index while others write. What an interrupted run left behind is not valid, and is dropped
 * first. A unique one that meets a duplicate of this very moment calls `onDuplicate` and tries again.
 */
export async function createIndex(
  client: PoolClient,
  statement: string,
  onDuplicate?: () => Promise<void>,
): Promise<void> {
  const index = readIndexStatement(statement);
  if (index === undefined) throw new Error(`not an index: ${statement}`);
  for (let attempt = 1; ; attempt += 1) {
    const state = await stateOfIndex(client, index.name);
    if (state === 'valid') return;
    if (state === 'left') await dropIndex(client, index.name);
    try {
      await client.query(index.concurrently);
      return;
    } catch (error) {
      // Half of it would go on refusing rows. A session that has ended leaves that to the next run.
      await dropIndex(client, index.name).catch(() => undefined);
      const isLost = sqlState(error) === '23505' && onDuplicate !== undefined;
      if (!(isLost || sqlState(error) === '40P01') || attempt === 20) throw error;
      await onDuplicate?.();
    }
  }
}
