export { addChannelAccount } from './add-channel-account.ts';
export { addTenant } from './add-tenant.ts';
export { deadMessages } from './audit/dead-messages.ts';
export { countTenant, findSuspects, type Scope } from './audit/find-suspects.ts';
export { strayTenants } from './audit/stray-tenants.ts';
export type { Suspect, TableCheck, TenantCounts } from './audit/table-check.ts';
export { CROWDED_CLIENTS, OVERDUE_LANES, TABLE_CHECKS } from './audit/table-checks.ts';
export { tenantsOfAccounts } from './audit/tenants-of-accounts.ts';
export { countUnmirrored, type Unmirrored } from './audit/unmirrored.ts';
export { isMirrorBehind } from './graph/mirror-backlog.ts';
export { createMirrorSource } from './graph/mirror-source.ts';
export { dueShards } from './lanes/due-shards.ts';
export type { Lane, PendingMessage } from './lanes/lane.ts';
export { type LaneFacts, laneFacts } from './lanes/lane-facts.ts';
export { createLaneMarks, type LaneMarks } from './lanes/lane-marks.ts';
export { type Attempt, type Death, type Settlement, settle } from './lanes/settle.ts';
export { type DueLane, takeDue, type Wanted } from './lanes/take-due.ts';
export { deadAmong } from './messages/dead-among.ts';
export { type Answer, findAnswer } from './messages/find-answer.ts';
export { findParticulars, type Particulars } from './messages/find-particulars.ts';
export { findStoriesByTrace, findStory, type Story } from './messages/find-story.ts';
export { findWaiting, type Waiting } from './messages/find-waiting.ts';
export { type Revival, reviveMessage } from './messages/revive-message.ts';
export { migrate, migrationNames, pendingMigrations } from './migrate.ts';
export {
  type ChannelAccount,
  findChannelAccount,
  listChannelAccounts,
  switchChannelAccount,
} from './operate/channel-accounts.ts';
export {
  countPerson,
  dropGraphNotes,
  findPerson,
  hasMirror,
  type Person,
  tenantFingerprints,
} from './operate/erase-find.ts';
export { erasePerson } from './operate/erase-person.ts';
export { createForecast, type Prospect } from './operate/forecast.ts';
export {
  type Given,
  registerChannelAccount,
  rotateChannelAccount,
} from './operate/give-credential.ts';
export {
  type OldestSnapshots,
  type OldSnapshot,
  oldestSnapshots,
} from './operate/oldest-snapshot.ts';
export { type PostgresFacts, readPostgresFacts } from './operate/postgres-facts.ts';
export { messageBlocks, removeOldMessages, takeRetentionTurn } from './operate/retention.ts';
export { findTenantsCalled, listTenants, switchTenant, type Tenant } from './operate/tenants.ts';
export {
  buryDead,
  dropAliveParked,
  type FormerDeath,
  isMoved,
  noteAllMoved,
  parkFormerDeaths,
} from './parked/bury.ts';
export {
  countParked,
  type DeadLetters,
  type DlqPage,
  deadLetters,
  isDlqCursor,
  readParked,
} from './parked/dead-letters.ts';
export type { DlqFilter } from './parked/dlq-filter.ts';
export { type FormerEntry, findFormer, forgetFormer, removeOldFormer } from './parked/former.ts';
export {
  findLeft,
  findUnindexed,
  type IndexedEntry,
  indexedEntries,
  markIndexed,
  markUnindexed,
  markUnshown,
  parkedVersions,
} from './parked/indexing.ts';
export type { Letter } from './parked/letter-columns.ts';
export { type Allowance, type Parking, park, parkFormer } from './parked/park.ts';
export { type ParkedFacts, parkedFacts } from './parked/parked-facts.ts';
export type { ParkedEntry } from './parked/parked-row.ts';
export {
  clearParked,
  dropRefused,
  eraseParked,
  removeParked,
} from './parked/remove-parked.ts';
export { type TurnDuty, takeParkedTurn } from './parked/turns.ts';
export {
  type ActiveAccount,
  findReleasable,
  readWaiting,
  stopWaiting,
  type WaitingEntry,
  type WaitingPlace,
} from './parked/waiting.ts';
export { FOR_LOOKUPS } from './plans.ts';
export { createPool, type Pool, type PoolClient, type PoolOptions, ping } from './pool.ts';
export type { FullClient } from './resolve/create-clients.ts';
export type { Arrival, ResolveOptions } from './resolve/resolve.ts';
export { type BatchResult, resolveBatch, resolveTogether } from './resolve/resolve-batch.ts';
export { findTenants } from './resolve/tenant.ts';
export type { Ending } from './resolve/try-batch.ts';
export { asAppError } from './sql-error.ts';
export type { Queryable } from './statement.ts';

// Only for packages/adopt, which changes the schema of foreign databases.

export { createIndex, dropIndex } from './ddl/create-index.ts';
export { readIndexStatement } from './ddl/index-statement.ts';
export { splitSql } from './ddl/split-sql.ts';
export { takeTurn } from './ddl/take-turn.ts';
export { FIRST_MIGRATION, noteMigrations, readMigration } from './migrate.ts';
export { sqlState } from './sql-error.ts';
export { inTransaction, withClient } from './transaction.ts';
