import { columns, type Queryable, statement } from '../statement.ts';
import { findShards } from './find-shards.ts';
import type { LaneMarks, Looked, Parts } from './lane-marks.ts';
import { IN_PART, MARK_MARGIN, markOf, sinceMark } from './mark-sql.ts';

interface LookRow {
  part: number;
  is_due: boolean;
  due_for_s: number;
  reached_ms: number;
  page: string[] | null;
}

/** How many first lanes of a shard are looked at to find tenants with many. */
const PAGE = 50;

/** After this long, the remaining full looks wait for the next look. */
const FULL_LOOKS_MS = 500;

// Reads only the first lanes of a shard, so a million lanes that wait for a Core that is down cost no more than these.
const lookAtParts = statement<LookRow>(
  'look_at_lanes',
  `select (p.number - 1)::int as part, coalesce(l.first_due <= now(), false) as is_due,
          coalesce(extract(epoch from now() - l.first_due), 0)::float8 as due_for_s,
          ${markOf(`least(l.first_due, now() - ${MARK_MARGIN})`)} as reached_ms, l.page
     from unnest($1::int[], $2::uuid[], $3::float8[]) with ordinality as p(shard, tenant_id, from_ms, number)
    cross join lateral (
      select min(due_at) as first_due,
             case when count(*) filter (where due_at <= now()) = ${PAGE} then array_agg(tenant_id) end as page
        from (
          select tenant_id, due_at from lanes
           where shard = p.shard and due_at >= ${sinceMark('p.from_ms')} and ${IN_PART('p', '$4')}
           order by due_at limit case when p.tenant_id is null then ${PAGE} else 1 end
        ) f
    ) l`,
);

export interface SeenLanes {
  shard: number;
  isDue: boolean;
  /** How long the first of them has been due. */
  dueForSeconds: number;
}

interface Look {
  looked: Looked[];
  seen: SeenLanes[];
}

async function look(db: Queryable, { parts, apart }: Parts): Promise<Look> {
  const asked = columns(
    parts,
    (part) => part.shard,
    (part) => part.tenantId,
    (part) => part.fromMs,
  );
  const found: Look = { looked: [], seen: [] };
  for (const row of await lookAtParts(db, ...asked, apart)) {
    const part = parts[row.part];
    if (part === undefined) continue;
    const { is_due: isDue, due_for_s: dueForSeconds } = row;
    found.looked.push({ ...part, isDue, reachedMs: row.reached_ms, page: row.page ?? [] });
    found.seen.push({ shard: part.shard, isDue, dueForSeconds });
  }
  return found;
}

/**
 * Looks at the first lanes of every shard and moves the marks up to them. Shards that need a full look are scanned from
 * their start, one by one, because each may take long while an old snapshot is open.
 */
export async function lookAtLanes(db: Queryable, marks: LaneMarks): Promise<SeenLanes[]> {
  marks.know(await findShards(db, marks.shards()));
  const { looked, seen } = await look(db, marks.partsOf(marks.shardsWithMarks()));
  marks.endLook(looked);
  const until = performance.now() + FULL_LOOKS_MS;
  for (let next = marks.nextFullLook(); next !== undefined; next = marks.nextFullLook()) {
    const full = await look(db, next);
    marks.endFullLook(full.looked);
    seen.push(...full.seen);
    if (performance.now() > until) break;
  }
  return seen;
}
