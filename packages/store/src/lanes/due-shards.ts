import type { Queryable } from '../statement.ts';
import { createLaneMarks, type LaneMarks } from './lane-marks.ts';
import { lookAtLanes } from './look-at-lanes.ts';

/** The shards that have a lane due now. Moves the marks at which scans begin. */
export async function dueShards(
  db: Queryable,
  marks: LaneMarks = createLaneMarks(),
): Promise<number[]> {
  const due = (await lookAtLanes(db, marks)).filter(({ isDue }) => isDue);
  return [...new Set(due.map(({ shard }) => shard))];
}
