export { checkIncoming } from './check-incoming.ts';
export { channelOfPayload, corePayload, corePayloadAround } from './core-payload.ts';
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
  accountOf,
  CHANNEL_CODES,
  CHANNELS,
  type Channel,
  type ClientId,
  CREDENTIAL_FIELDS,
  CREDENTIAL_PATTERN,
  channelOfId,
  type DialogId,
  FINGERPRINT_PATTERN,
  fingerprintOf,
  isUuid,
  type LinkByPhone,
  linkByPhone,
  type MessageId,
  maskCredential,
  matchingPhone,
  messageIdOf,
  normalisePhone,
  type PhoneRegion,
  phoneRegion,
  type TenantId,
  uuidv7,
} from './identity.ts';
export {
  type IncomingMessage,
  incomingFields,
  incomingMessage,
  parseTraceparent,
  type ResolveJob,
  resolveJob,
} from './incoming-message.ts';
export { timezone } from './instant-of.ts';
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
  AppError,
  type AppErrorCode,
  type Fault,
  type MatchedBy,
  type Outcome,
  PROBLEMS,
  type ProblemCode,
  type Receipt,
  type Reply,
  receiptBody,
} from './outcomes.ts';
export { mayHoldCredential, unreadableBody } from './unreadable-body.ts';
