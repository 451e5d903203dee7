import { type Queryable, statement } from '../statement.ts';

/** The lanes, for whoever watches the installation. */
export interface LaneFacts {
  /** Something of them may be sent now; those under way are counted, too. */
  due: number;
  /** They wait for the time of their next attempt. */
  blocked: number;
  /** For how long the oldest of the due has been so; 0 where none is. */
  oldestDueSeconds: number;
}

// Asked every few seconds, also while a million lanes wait for a Core that is down: the oldest is found
// by walking the index from shard to shard, and no more than 200 000 are counted.
const findFacts = statement<LaneFacts>(
  'lane_facts',
  `with recursive labels as (
     select min(shard) as shard from lanes
     union all
     select (select min(shard) from lanes where shard > labels.shard)
       from labels where labels.shard is not null
   ), firsts as (
     select (select min(due_at) from lanes l where l.shard = labels.shard) as due_at
       from labels where shard is not null
   ), seen as (
     select due_at <= now() as is_due from lanes limit 200000
   )
   select (count(*) filter (where is_due))::int as due,
          (count(*) filter (where not is_due))::int as blocked,
          (select coalesce(extract(epoch from greatest(now() - min(due_at), interval '0')), 0)
             from firsts)::float8 as "oldestDueSeconds"
     from seen`,
);

/** How much waits to be sent to Core, and since when. */
export async function laneFacts(db: Queryable): Promise<LaneFacts> {
  const [row] = await findFacts(db);
  return row ?? { due: 0, blocked: 0, oldestDueSeconds: 0 };
}
