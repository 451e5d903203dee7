/**
 * A lane is visible only after the commit, and due from the start of the transaction that made it. This is longer than
 * a statement may take. A lane that comes later still is found by the next full look.
 */
export const MARK_MARGIN = "interval '15 s'";

/** A time as a mark: milliseconds, rounded down. */
export const markOf = (time: string): string => `floor(extract(epoch from ${time}) * 1000)::float8`;

/** Where a scan from a mark begins. Bounded by the time of now, in case the clock has been set back. */
export const sinceMark = (mark: string): string =>
  `least(to_timestamp(${mark} / 1000), now() - ${MARK_MARGIN})`;

/** A part has the lanes of its tenant, or of all tenants that are not left out. */
export const IN_PART = (part: string, leftOut: string): string =>
  `case when ${part}.tenant_id is null then tenant_id <> all(${leftOut}::uuid[])
        else tenant_id = ${part}.tenant_id end`;
