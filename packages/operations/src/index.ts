export { type Audit, runAudit } from './audit/audit.ts';
export { auditSources } from './audit/checks.ts';
export type { AuditFinding } from './audit/suspicion.ts';
export { dlqFilter, dlqFilterOf } from './dlq/filter.ts';
export { type Foresight, foresee } from './dlq/foresee.ts';
export {
  createReplayer,
  dlqSources,
  findEntry,
  onlyEntry,
  type Pages,
  type Selection,
  selectEntries,
} from './dlq/replay.ts';
export { type EraseProof, eraseClient, lookForClient } from './erase/erase-client.ts';
export { type EraseDeps, eraseGraph, eraseTables } from './erase/search.ts';
export type { GraphFinding, KindFinding } from './graph/compare-graph.ts';
export { type Verified, verifyGraph } from './graph/verify-graph.ts';
export { durationText, type StoryEvent } from './story/events.ts';
export {
  type Found,
  findMessages,
  locateMessage,
  locateTrace,
  type MessageStory,
  type Places,
  storySources,
} from './story/find-messages.ts';
