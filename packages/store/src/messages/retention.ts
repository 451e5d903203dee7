import type { Queryable } from '../database/database.ts';
import { namedStatement, statement } from '../database/statement.ts';

// The worker that updates the row has the turn for some seconds. A worker that dies leaves no lock.
const take = statement<{ next_block: number }>(
  'take_retention_turn',
  `update retention_sweep set swept_at = now()
    where swept_at < now() - $1::int * interval '1 ms' or swept_at > now()
   returning next_block::float8 as next_block`,
);

// If messages is partitioned, the blocks of the largest partition.
const countBlocks = statement<{ blocks: number }>(
  'count_message_blocks',
  `select (greatest(pg_relation_size('messages'), max(pg_relation_size(relid)))
            / current_setting('block_size')::int)::float8 as blocks
     from pg_partition_tree('messages')`,
);

// The condition on ctid makes it a scan of these blocks alone. The sweep moves on only from the block where the caller
// began: if two workers swept the same blocks, it moves once.
const removeFrom = namedStatement<{ removed: number }>('remove_old_messages')(
  { from_row: 'tid', to_row: 'tid', days: 'int', from_block: 'bigint', next_block: 'bigint' },
  `with gone as (
     delete from messages
      where ctid >= :from_row and ctid < :to_row
        and status = 'delivered' and delivered_at < now() - :days * interval '1 day'
     returning 1
   ), moved as (
     update retention_sweep set next_block = :next_block, swept_at = now() where next_block = :from_block
   )
   select count(*)::int as removed from gone`,
);

/** The block where the sweep goes on; null if it moved less than `restMs` ago. */
export const takeRetentionTurn = async (db: Queryable, restMs: number): Promise<number | null> =>
  (await take(db, restMs))[0]?.next_block ?? null;

/** How many blocks the messages occupy. */
export const messageBlocks = async (db: Queryable) => (await countBlocks(db))[0]?.blocks ?? 0;

/**
 * Deletes messages that were delivered more than `days` ago from `count` blocks, in one short statement. Dead and pending
 * messages stay. Dialogs stay, too, because their last_seq keeps numbers unique.
 */
export async function removeOldMessages(
  db: Queryable,
  { from, count, next, days }: { from: number; count: number; next: number; days: number },
): Promise<number> {
  const rows = { from_row: `(${from},0)`, to_row: `(${from + count},0)` };
  const [row] = await removeFrom(db, { ...rows, days, from_block: from, next_block: next });
  return row?.removed ?? 0;
}
