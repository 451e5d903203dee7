import type { Rows } from '../database/statement.ts';

/*
 * While an old snapshot is open, the index keeps an entry for every lane that was removed since, and a scan from the
 * start walks all of them. So a scan of a shard begins at a mark, before which no lane is due. A mark is a time in
 * milliseconds, by Postgres' clock. Only a look at the table raises it, up to the first lane that exists, taken or
 * not. A new, postponed or revived lane is due later than any mark. So a mark may be too low, for instance after
 * another worker had the shard, but not too high.
 *
 * A tenant with many lanes at the front of a shard is set apart. It has marks of its own, and the common mark moves
 * past its lanes.
 */

/** Every shard is scanned from its start at least this often. This also corrects a mark that is wrong after all. */
const FULL_LOOK_EVERY_MS = 60_000;

/** A tenant with a tenth of a full page has many lanes. */
const CROWD_SHARE = 0.1;

/** Each tenant that is set apart costs one more scan of each shard; a take scans only tenants that have room. */
const MOST_APART = 20;
const MOST_FULL_APART = 200;

const START = Number.NEGATIVE_INFINITY;

/** The lanes of one scan of a shard: of one tenant that is set apart, or of all others together. */
export interface Part {
  shard: number;
  tenantId: string | null;
  fromMs: number;
}

export const PART_COLUMNS: Rows<Part> = {
  shard: ['int', ({ shard }) => shard],
  tenant_id: ['uuid', ({ tenantId }) => tenantId],
  from_ms: ['float8', ({ fromMs }) => fromMs],
};

/** The result of a look at a part. */
export interface Looked extends Part {
  /** No lane of the part is due before this time. */
  reachedMs: number;
  isDue: boolean;
  /** The tenants of the first lanes, one id for each lane; empty if the lanes are fewer than a page. */
  page: readonly string[];
}

/** The parts of some shards, and the tenants that the common parts leave out. */
export interface Parts {
  parts: Part[];
  apart: string[];
}

export type LaneMarks = ReturnType<typeof createLaneMarks>;

interface OwnMark {
  atMs: number;
  isDue: boolean;
}

export function createLaneMarks({
  shardCount = 0,
  now = () => performance.now(),
}: {
  /** How many shards are known from the beginning. */
  shardCount?: number;
  now?: () => number;
} = {}) {
  const common = new Map<number, number>();
  const apart = new Map<string, Map<number, OwnMark>>();
  const lookFullyAt = new Map<number, number>();
  let full = new Set<string>();

  const know = (shards: readonly number[]): void => {
    for (const shard of shards) if (!common.has(shard)) common.set(shard, START);
  };
  know([...Array(shardCount).keys()]);

  const partsOf = (shards: readonly number[]): Parts => {
    const parts = shards.flatMap((shard): Part[] => [
      { shard, tenantId: null, fromMs: common.get(shard) ?? START },
      ...[...apart].map(([tenantId, marks]) => {
        return { shard, tenantId, fromMs: marks.get(shard)?.atMs ?? START };
      }),
    ]);
    return { parts, apart: [...apart.keys()] };
  };

  const needsFullLook = (shard: number) => now() >= (lookFullyAt.get(shard) ?? START);

  /** Sets a tenant apart whose lanes hide those of others from a scan. */
  const setApart = (tenantId: string): void => {
    const most = full.has(tenantId) ? MOST_FULL_APART : MOST_APART;
    if (apart.size >= most || apart.has(tenantId)) return;
    const marks = [...common].map(([shard, atMs]) => [shard, { atMs, isDue: true }] as const);
    apart.set(tenantId, new Map(marks));
  };

  const join = (tenantId: string, marks: ReadonlyMap<number, OwnMark>): void => {
    apart.delete(tenantId);
    for (const [shard, atMs] of common) {
      common.set(shard, Math.min(atMs, marks.get(shard)?.atMs ?? START));
    }
  };

  const setCrowdApart = (page: readonly string[]): void => {
    const lanesOf = new Map<string, number>();
    for (const tenantId of page) lanesOf.set(tenantId, (lanesOf.get(tenantId) ?? 0) + 1);
    for (const [tenantId, lanes] of lanesOf) {
      if (lanes >= page.length * CROWD_SHARE || full.has(tenantId)) setApart(tenantId);
    }
  };

  return {
    partsOf,
    setApart,
    /** Tenants whose lanes cannot be taken now. */
    noteFull(tenantIds: readonly string[]): void {
      full = new Set(tenantIds);
    },
    shards: () => [...common.keys()],
    know,
    /** The shards that have a mark, and need no full look now. */
    shardsWithMarks(): number[] {
      const marked = [...common].filter(([, atMs]) => atMs !== START).map(([shard]) => shard);
      return marked.filter((shard) => !needsFullLook(shard));
    },
    endLook(looked: readonly Looked[]): void {
      for (const { shard, tenantId, reachedMs: atMs, isDue } of looked) {
        if (tenantId === null) common.set(shard, atMs);
        else apart.get(tenantId)?.set(shard, { atMs, isDue });
      }
      for (const [tenantId, marks] of [...apart]) {
        if (![...marks.values()].some(({ isDue }) => isDue)) join(tenantId, marks);
      }
      for (const { page } of looked) setCrowdApart(page);
    },
    /** A shard that needs a full look now, at all tenants together, from the start. */
    nextFullLook(): Parts | undefined {
      const shard = [...common.keys()].find(needsFullLook);
      if (shard === undefined) return undefined;
      // At random, so that full looks at the shards spread over time.
      lookFullyAt.set(shard, now() + FULL_LOOK_EVERY_MS * (0.5 + Math.random() / 2));
      return { parts: [{ shard, tenantId: null, fromMs: START }], apart: [] };
    },
    endFullLook(looked: readonly Looked[]): void {
      for (const { shard, reachedMs: atMs } of looked) {
        common.set(shard, atMs);
        for (const marks of apart.values()) marks.set(shard, { atMs, isDue: true });
      }
      for (const { page } of looked) setCrowdApart(page);
    },
  };
}

/**
 * A lane is due from the start of the transaction that made it, and visible only after its commit. This is longer than
 * a statement may take. The next full look finds a lane that becomes visible even later.
 */
export const MARK_MARGIN = "interval '15 s'";

/** A time as a mark: milliseconds, rounded down. */
export const markOf = (time: string): string => `floor(extract(epoch from ${time}) * 1000)::float8`;

/** The time at which a scan from a mark begins. It is at most the present, in case the clock was set back. */
export const sinceMark = (mark: string): string =>
  `least(to_timestamp(${mark} / 1000), now() - ${MARK_MARGIN})`;

/** The condition for lanes of a part `p`: those of its tenant, or those of all tenants except `:apart`. */
export const IN_PART =
  'case when p.tenant_id is null then tenant_id <> all(:apart) else tenant_id = p.tenant_id end';
