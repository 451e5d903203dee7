import { columns, type Queryable, statement } from '../statement.ts';
import { createLaneMarks, type LaneMarks } from './lane-marks.ts';
import { lookAtLanes } from './look-at-lanes.ts';
import { sinceMark } from './mark-sql.ts';

/** The lanes, for whoever watches the installation. */
export interface LaneFacts {
  /** Something of them may be sent now; those under way are counted, too. */
  due: number;
  /** They wait for the time of their next attempt. */
  blocked: number;
  /** For how long the oldest of the due has been so; 0 where none is. */
  oldestDueSeconds: number;
}

// Runs every few seconds, also while a million lanes wait for a Core that is down, so it counts at most 200 000.
const countLanes = statement<Pick<LaneFacts, 'due' | 'blocked'>>(
  'count_lanes',
  `select (count(*) filter (where is_due))::int as due, (count(*) filter (where not is_due))::int as blocked
     from (
       select l.due_at <= now() as is_due
         from unnest($1::int[], $2::float8[]) as q(shard, from_ms)
         join lanes l on l.shard = q.shard and l.due_at >= ${sinceMark('q.from_ms')}
        limit 200000
     ) seen`,
);

/** How much waits to be sent to Core, and since when. */
export async function laneFacts(
  db: Queryable,
  marks: LaneMarks = createLaneMarks(),
): Promise<LaneFacts> {
  const seen = await lookAtLanes(db, marks);
  const fromOf = new Map<number, number>();
  for (const { shard, fromMs } of marks.partsOf(marks.shards()).parts) {
    fromOf.set(shard, Math.min(fromMs, fromOf.get(shard) ?? Number.POSITIVE_INFINITY));
  }
  const asked = columns(
    [...fromOf],
    ([shard]) => shard,
    ([, fromMs]) => fromMs,
  );
  const [counted] = await countLanes(db, ...asked);
  const oldestDueSeconds = Math.max(0, ...seen.map(({ dueForSeconds }) => dueForSeconds));
  return { ...(counted ?? { due: 0, blocked: 0 }), oldestDueSeconds };
}
