import { type Queryable, statement } from '../statement.ts';

// Whoever moves the row has the next seconds to himself; a worker that dies leaves nothing to unlock.
const take = statement<{ next_block: number }>(
  'take_retention_turn',
  `update retention_sweep set swept_at = now()
    where swept_at < now() - $1::int * interval '1 ms' or swept_at > now()
   returning next_block::float8 as next_block`,
);

// Where messages is spread over partitions, the largest of them.
const countBlocks = statement<{ blocks: number }>(
  'count_message_blocks',
  `select (greatest(pg_relation_size('messages'), max(pg_relation_size(relid)))
            / current_setting('block_size')::int)::float8 as blocks
     from pg_partition_tree('messages')`,
);

// The ids of rows are looked at, which is what makes it a scan of these blocks alone. The sweep moves
// only from where it was thought to be: a batch that two have swept counts once.
const removeFrom = statement<{ removed: number }>(
  'remove_old_messages',
  `with gone as (
     delete from messages
      where ctid >= $1::tid and ctid < $2::tid
        and status = 'delivered' and delivered_at < now() - $3::int * interval '1 day'
     returning 1
   ), moved as (
     update retention_sweep set next_block = $5::bigint, swept_at = now() where next_block = $4::bigint
   )
   select count(*)::int as removed from gone`,
);

/** The block to go on from, where nobody has moved the sweep for so long; null otherwise. */
export async function takeRetentionTurn(db: Queryable, restMs: number): Promise<number | null> {
  return (await take(db, restMs))[0]?.next_block ?? null;
}

/** How many blocks the messages fill. */
export async function messageBlocks(db: Queryable): Promise<number> {
  return (await countBlocks(db))[0]?.blocks ?? 0;
}

/**
 * Deletes what was delivered more than `days` ago from `count` blocks, in one short statement. Dead and
 * pending messages stay, and so do dialogs, whose last_seq says how many there were.
 */
export async function removeOldMessages(
  db: Queryable,
  { from, count, next, days }: { from: number; count: number; next: number; days: number },
): Promise<number> {
  const [row] = await removeFrom(db, `(${from},0)`, `(${from + count},0)`, days, from, next);
  return row?.removed ?? 0;
}
