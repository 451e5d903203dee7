import type { ClientId, DialogId, MessageId, TenantId } from './ids.ts';

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
