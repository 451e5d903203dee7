import { type Queryable, statement } from '../statement.ts';

// Walks from shard to shard by the index instead of reading every lane, so that a million lanes
// waiting for a Core that is down cost the pulse no more than one.
const findDue = statement<{ shard: number }>(
  'find_due_shards',
  `with recursive labels as (
     select min(shard) as shard from lanes
     union all
     select (select min(shard) from lanes where shard > labels.shard)
       from labels where labels.shard is not null
   )
   select shard from labels
    where shard is not null
      and exists (select from lanes l where l.shard = labels.shard and l.due_at <= now())`,
);

/** The shards that have a lane due now. */
export async function dueShards(db: Queryable): Promise<number[]> {
  return (await findDue(db)).map((row) => row.shard);
}
