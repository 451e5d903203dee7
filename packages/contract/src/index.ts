export { AppError, type AppErrorCode } from './app-error.ts';
export {
  CHANNEL_CODES,
  CHANNELS,
  type Channel,
  CREDENTIAL_FIELDS,
  channelOfId,
} from './channels.ts';
export { checkIncoming } from './check-incoming.ts';
export { channelOfPayload, corePayload, corePayloadAround } from './core-payload.ts';
export {
  accountOf,
  CREDENTIAL_PATTERN,
  FINGERPRINT_PATTERN,
  fingerprintOf,
  maskCredential,
} from './credential.ts';
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
export {
  type ClientId,
  type DialogId,
  isUuid,
  type MessageId,
  messageIdOf,
  type TenantId,
  uuidv7,
} from './ids.ts';
export { incomingFields } from './incoming-fields.ts';
export {
  type IncomingMessage,
  incomingMessage,
  parseTraceparent,
  type ResolveJob,
  resolveJob,
} from './incoming-message.ts';
export { parseBody, parseExactJson, writeExactJson } from './json.ts';
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
export {
  type Fault,
  type MatchedBy,
  type Outcome,
  type Receipt,
  type Reply,
  receiptBody,
} from './outcomes.ts';
export {
  type LinkByPhone,
  linkByPhone,
  matchingPhone,
  normalisePhone,
  type PhoneRegion,
  phoneRegion,
} from './phone.ts';
export { PROBLEMS, type ProblemCode } from './problems.ts';
export { mayHoldCredential, unreadableBody } from './unreadable-body.ts';
