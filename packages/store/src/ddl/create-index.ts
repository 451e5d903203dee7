import type { PoolClient } from '../pool.ts';
import { sqlState } from '../sql-error.ts';
import { readIndexStatement } from './index-statement.ts';

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
