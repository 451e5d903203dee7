import { columns, type Queryable, statement } from '../statement.ts';

const LOWEST = -(2 ** 31);
const HIGHEST = 2 ** 31 - 1;

// Walks from shard to shard by the index instead of reading every lane, and skips the known shards: while an old
// snapshot is open, a shard has an index entry for every lane that was removed since.
const findBetween = statement<{ shard: number }>(
  'find_shards',
  `select s.shard
     from unnest($1::int[], $2::int[]) as gap(after, before)
    cross join lateral (
      with recursive found as (
        select min(shard) as shard from lanes where shard > gap.after and shard < gap.before
        union all
        select (select min(shard) from lanes where shard > found.shard and shard < gap.before)
          from found where found.shard is not null
      )
      select shard from found where shard is not null
    ) s`,
);

/** The shards that have a lane, except the known ones, which are given in ascending order. */
export async function findShards(db: Queryable, known: readonly number[]): Promise<number[]> {
  const edges = [LOWEST, ...known, HIGHEST];
  const gaps = edges.slice(1).map((before, index) => ({ after: edges[index] ?? LOWEST, before }));
  const asked = columns(
    gaps.filter(({ after, before }) => before - after > 1),
    (gap) => gap.after,
    (gap) => gap.before,
  );
  return (await findBetween(db, ...asked)).map(({ shard }) => shard);
}
