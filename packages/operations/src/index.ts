export { type Audit, type AuditDeps, type AuditOrder, runAudit } from './audit/audit.ts';
export { type AuditSources, auditSources } from './audit/sources.ts';
export type { AuditFinding } from './audit/suspicion.ts';
export { dlqFilter, dlqFilterOf } from './dlq/filter.ts';
export { type Foresight, foresee, type Matching } from './dlq/foresee.ts';
export {
  createReplayer,
  type DlqSources,
  dlqSources,
  findEntry,
  onlyEntry,
  type Pages,
  type ReplayerDeps,
  type Selection,
  selectEntries,
} from './dlq/replay.ts';
export { type EraseProof, eraseClient, lookForClient } from './erase/erase-client.ts';
export type { Recognition } from './erase/recognise.ts';
export { type EraseDeps, type EraseTables, eraseGraph, eraseTables } from './erase/search.ts';
export type { GraphFinding, KindFinding, MirrorSides } from './graph/compare-graph.ts';
export { type Verified, type VerifyOrder, verifyGraph } from './graph/verify-graph.ts';
export { durationText, type StoryEvent } from './story/events.ts';
export {
  type Found,
  findMessages,
  locateMessage,
  locateTrace,
  type MessageStory,
  type Places,
  type StorySources,
  storySources,
} from './story/find-messages.ts';
