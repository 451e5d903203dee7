export { createLaneMarks, type LaneMarks } from './lane-marks.ts';
export { dueShards, type LaneFacts, laneFacts } from './look.ts';
export { type Attempt, type Death, type Settlement, settle } from './settle.ts';
export { type DueLane, type Lane, type PendingMessage, takeDue, type Wanted } from './take-due.ts';
