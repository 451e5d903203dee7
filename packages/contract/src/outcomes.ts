import type { Fault } from './faults.ts';
import type { ClientId, DialogId, MessageId, TenantId } from './ids.ts';

/** What a sender is told once its message is in the ledger; a repeat gets the same again. */
export interface Receipt {
  tenantId: TenantId;
  clientId: ClientId;
  dialogId: DialogId;
  traceId: string;
  messageId: MessageId;
}

/** How a resolve ends: one of a closed set, returned and never thrown. */
export type Outcome =
  | { kind: 'resolved'; receipt: Receipt }
  /** It was in the ledger already: the first answer, again. */
  | { kind: 'replayed'; receipt: Receipt }
  /** The same message ids are in the ledger with another text or media. */
  | { kind: 'conflict'; tenantId: TenantId }
  /** `tenantId`: whose credential it was until it was replaced; it leads nowhere any more. */
  | { kind: 'unknown_tenant'; tenantId?: TenantId }
  /** The tenant or this channel account of it is switched off. */
  | { kind: 'tenant_disabled'; tenantId: TenantId }
  /** The database refuses this one message's data; its neighbours in the batch are not touched. */
  | { kind: 'invalid'; faults: Fault[] };

export type MatchedBy = 'identity' | 'phone' | 'created';

/** The answer's bytes are made here and nowhere else, so that every repeat gets the same. */
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
