export type { Lane, PendingMessage } from './lane.ts';
export { createLaneMarks, type LaneMarks } from './lane-marks.ts';
export { dueShards, type LaneFacts, laneFacts } from './look.ts';
export { type Attempt, type Death, type Settlement, settle } from './settle.ts';
export { type DueLane, takeDue, type Wanted } from './take-due.ts';
