export {
  buryDead,
  dropAliveParked,
  type FormerDeath,
  isMoved,
  noteAllMoved,
  parkFormerDeaths,
} from './bury.ts';
export {
  findLeft,
  findUnindexed,
  indexedEntries,
  markIndexed,
  markUnindexed,
  markUnshown,
  parkedVersions,
  type TurnDuty,
  takeParkedTurn,
} from './indexing.ts';
export {
  clearParked,
  dropRefused,
  eraseParked,
  type FormerEntry,
  findFormer,
  forgetFormer,
  removeOldFormer,
  removeParked,
} from './leave.ts';
export { type Allowance, type Letter, type Parking, park, parkFormer } from './park.ts';
export type { ParkedEntry } from './parked-row.ts';
export {
  countParked,
  type DeadLetters,
  type DlqFilter,
  type DlqPage,
  deadLetters,
  fingerprintsFrom,
  isDlqCursor,
  type ParkedFacts,
  parkedFacts,
  readParked,
} from './read.ts';
export {
  type ActiveAccount,
  countWaiting,
  findReleasable,
  readWaiting,
  stopWaiting,
  type WaitingEntry,
  type WaitingPlace,
} from './waiting.ts';
