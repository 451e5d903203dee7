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

/** The condition for lanes of a part: those of its tenant, or of all tenants that are not left out. */
export const IN_PART = (part: string, leftOut: string): string =>
  `case when ${part}.tenant_id is null then tenant_id <> all(${leftOut}::uuid[])
        else tenant_id = ${part}.tenant_id end`;
