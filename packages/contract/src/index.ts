export { accountOf } from './account.ts';
export { AppError, type AppErrorCode } from './app-error.ts';
export {
  CHANNEL_CODES,
  CHANNELS,
  type Channel,
  CREDENTIAL_FIELDS,
  channelOfId,
} from './channels.ts';
export { CREDENTIAL_PATTERN, FINGERPRINT_PATTERN } from './check-credential.ts';
export { type Checked, checkIncoming } from './check-incoming.ts';
export {
  type CorePayload,
  channelOfPayload,
  corePayload,
  corePayloadAround,
  type Enrichment,
} from './core-payload.ts';
export { fingerprintOf, maskCredential } from './credential.ts';
export {
  DLQ_REASONS,
  type DlqEntry,
  type DlqJob,
  type DlqReason,
  dlqEntry,
  dlqEntryBody,
  dlqJob,
  messageOfPayload,
} from './dlq-entry.ts';
export { parseExactJson, writeExactJson } from './exact-json.ts';
export type { Fault } from './faults.ts';
export { isUuid, messageIdOf, uuidv7 } from './ids.ts';
export { incomingFields } from './incoming-fields.ts';
export { type IncomingMessage, incomingMessage } from './incoming-message.ts';
export { type LinkByPhone, linkByPhone, matchingPhone } from './matching-phone.ts';
export type {
  MessageObserver,
  ObservedAnswer,
  ObservedDelivery,
  ResolveWay,
} from './message-observer.ts';
export {
  MIRROR_KINDS,
  type MirrorBacklog,
  type MirrorBatch,
  type MirrorCursor,
  type MirroredClient,
  type MirroredDialog,
  type MirroredIdentity,
  type MirrorKey,
  type MirrorKind,
  type MirrorRemoval,
  type MirrorRow,
  type MirrorRows,
  type MirrorSource,
  type MirrorTurn,
  mirrorKeyOf,
  mirrorKeyText,
} from './mirror.ts';
export { type MatchedBy, type Outcome, type Receipt, receiptBody } from './outcomes.ts';
export { parseBody } from './parse-body.ts';
export { normalisePhone, type PhoneRegion, phoneRegion } from './phone.ts';
export { PROBLEMS, type Problem, type ProblemCode, problemOf } from './problems.ts';
export type { Reply } from './reply.ts';
export { type ResolveJob, resolveJob } from './resolve-job.ts';
export { parseTraceparent } from './traceparent.ts';
export { mayHoldCredential, unreadableBody } from './unreadable-body.ts';
