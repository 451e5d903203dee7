import type { ClientId, DialogId, MessageId, TenantId } from './identity.ts';

/** A fault in an input. `path` is its place, such as `message_ids.3` or `media.file.url`. */
export interface Fault {
  path: string;
  message: string;
}

/** The answer to an accepted message. A duplicate gets the same. */
export interface Receipt {
  tenantId: TenantId;
  clientId: ClientId;
  dialogId: DialogId;
  traceId: string;
  messageId: MessageId;
}

/** How resolving a message ends. Outcomes are returned, never thrown. */
export type Outcome =
  | { kind: 'resolved'; receipt: Receipt }
  /** A duplicate: the message was accepted before. */
  | { kind: 'replayed'; receipt: Receipt }
  /** The same message ids were accepted with another text or media. */
  | { kind: 'conflict'; tenantId: TenantId }
  /** `tenantId` is set if the credential was this tenant's until it was replaced. */
  | { kind: 'unknown_tenant'; tenantId?: TenantId }
  /** The tenant or this channel account of it is switched off. */
  | { kind: 'tenant_disabled'; tenantId: TenantId }
  /** Postgres refuses the data of this message. The other messages of the batch are not affected. */
  | { kind: 'invalid'; faults: Fault[] };

export type MatchedBy = 'identity' | 'phone' | 'created';

/** The only place that writes the answer, so that duplicates get the same bytes. */
export function receiptBody(receipt: Receipt): string {
  return JSON.stringify({
    accepted: true,
    tenant_id: receipt.tenantId,
    client_id: receipt.clientId,
    dialog_id: receipt.dialogId,
    trace_id: receipt.traceId,
    message_id: receipt.messageId,
  });
}

/** The outcome that a worker sends to the waiting API process, as JSON on that process's own pub/sub channel. */
export interface Reply {
  requestId: string;
  outcome: Outcome;
  /** Whether the message is in the dead-letter queue. */
  parked: boolean;
}

export type AppErrorCode =
  | 'redis_unavailable'
  | 'postgres_unavailable'
  /** A lock was not free in time or a statement took too long. Other work may succeed meanwhile. */
  | 'postgres_busy'
  /** Another transaction has changed what this one had read. The caller rolls back and starts again. */
  | 'lost_race'
  /** The message was not tried, because it waits for another one that could not be resolved. */
  | 'not_tried'
  | 'neo4j_unavailable'
  | 'unexpected';

/** The error that adapters throw. Its message is safe to show. */
export class AppError extends Error {
  readonly code: AppErrorCode;

  constructor(code: AppErrorCode, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'AppError';
    this.code = code;
  }
}

/** All problem codes with status and title. */
export const PROBLEMS = {
  invalid: { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'A key is missing or wrong' },
  tenant_disabled: { status: 403, title: 'The tenant is switched off' },
  unknown_tenant: { status: 404, title: 'No tenant has this credential' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  message_conflict: { status: 409, title: 'These message ids were accepted with other content' },
  too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body is not JSON' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Internal error' },
  unavailable: { status: 503, title: 'Nothing can be accepted now' },
  not_yet: { status: 503, title: 'Queued, but not resolved yet' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;
