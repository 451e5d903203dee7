import type { Queryable } from '../database/database.ts';
import { namedStatement, statement } from '../database/statement.ts';
import {
  createLaneMarks,
  IN_PART,
  type LaneMarks,
  type Looked,
  MARK_MARGIN,
  markOf,
  PART_COLUMNS,
  type Parts,
  sinceMark,
} from './lane-marks.ts';

const LOWEST = -(2 ** 31);
const HIGHEST = 2 ** 31 - 1;

// The shards that have a lane, except the known ones. Walks from shard to shard by the index instead of reading every
// lane. Skips the known shards because while an old snapshot is open, a shard has an index entry for every lane that was
// removed since.
const findUnknown = statement<{ shard: number }>(
  'find_shards',
  `select s.shard
     from (
       select lag(shard, 1, ${LOWEST}) over (order by shard) as after, shard as before
         from unnest($1::int[] || ${HIGHEST}) as k(shard)
     ) gap
    cross join lateral (
      with recursive found as (
        select min(shard) as shard from lanes where shard > gap.after and shard < gap.before
        union all
        select (select min(shard) from lanes where shard > found.shard and shard < gap.before)
          from found where found.shard is not null
      )
      select shard from found where shard is not null
    ) s
    where gap.before::bigint - gap.after > 1`,
);

interface Seen extends Looked {
  /** How long the first lane of the part has been due. */
  dueForSeconds: number;
}

type LookRow = Pick<Seen, 'isDue' | 'dueForSeconds' | 'reachedMs' | 'page'> & { place: number };

/** How many first lanes of a shard are looked at to find tenants with many. */
const PAGE = 50;

/** After this long, the remaining full looks wait for the next look. */
const FULL_LOOKS_MS = 500;

// Reads only the first lanes of a shard, so a million lanes that wait for a Core that is down cost no more than these.
const lookAtParts = namedStatement<LookRow>('look_at_lanes')(
  { parts: PART_COLUMNS, apart: 'uuid[]' },
  `select p.place::int as place, coalesce(l.first_due <= now(), false) as "isDue",
          coalesce(extract(epoch from now() - l.first_due), 0)::float8 as "dueForSeconds",
          ${markOf(`least(l.first_due, now() - ${MARK_MARGIN})`)} as "reachedMs",
          coalesce(l.page, '{}') as page
     from :parts p
    cross join lateral (
      select min(due_at) as first_due,
             case when count(*) filter (where due_at <= now()) = ${PAGE} then array_agg(tenant_id) end as page
        from (
          select tenant_id, due_at from lanes
           where shard = p.shard and due_at >= ${sinceMark('p.from_ms')} and ${IN_PART}
           order by due_at limit case when p.tenant_id is null then ${PAGE} else 1 end
        ) f
    ) l`,
);

async function look(db: Queryable, asked: Parts): Promise<Seen[]> {
  const rows = await lookAtParts(db, asked);
  return rows.flatMap(({ place, ...row }) => {
    const part = asked.parts[place - 1];
    return part === undefined ? [] : [{ ...part, ...row }];
  });
}

/**
 * Looks at the first lanes of every shard and moves the marks up to them. Shards that need a full look are scanned from
 * their start, one by one, because each may take long while an old snapshot is open.
 */
async function lookAtLanes(db: Queryable, marks: LaneMarks): Promise<Seen[]> {
  marks.know((await findUnknown(db, marks.shards())).map(({ shard }) => shard));
  const seen = await look(db, marks.partsOf(marks.shardsWithMarks()));
  marks.endLook(seen);
  const until = performance.now() + FULL_LOOKS_MS;
  for (let next = marks.nextFullLook(); next !== undefined; next = marks.nextFullLook()) {
    const full = await look(db, next);
    marks.endFullLook(full);
    seen.push(...full);
    if (performance.now() > until) break;
  }
  return seen;
}

/** The shards that have a lane due now. Moves the marks at which scans begin. */
export async function dueShards(
  db: Queryable,
  marks: LaneMarks = createLaneMarks(),
): Promise<number[]> {
  const due = (await lookAtLanes(db, marks)).filter(({ isDue }) => isDue);
  return [...new Set(due.map(({ shard }) => shard))];
}

/** The lanes in numbers, for metrics and alerts. */
export interface LaneFacts {
  /** Lanes with a message that may be sent now, or that is being sent. */
  due: number;
  /** Lanes that wait for the time of their next attempt. */
  blocked: number;
  /** Age of the oldest due lane; 0 if none is due. */
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

/** How many lanes wait for Core, and how long the oldest due one has waited. */
export async function laneFacts(
  db: Queryable,
  marks: LaneMarks = createLaneMarks(),
): Promise<LaneFacts> {
  const seen = await lookAtLanes(db, marks);
  const fromOf = new Map<number, number>();
  for (const { shard, fromMs } of marks.partsOf(marks.shards()).parts) {
    fromOf.set(shard, Math.min(fromMs, fromOf.get(shard) ?? Number.POSITIVE_INFINITY));
  }
  const [counted] = await countLanes(db, [...fromOf.keys()], [...fromOf.values()]);
  const oldestDueSeconds = Math.max(0, ...seen.map(({ dueForSeconds }) => dueForSeconds));
  return { ...(counted ?? { due: 0, blocked: 0 }), oldestDueSeconds };
}
