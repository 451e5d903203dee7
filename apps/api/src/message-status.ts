import type { DlqEntry, MatchedBy } from '@contour/contract';

/** What the ledger tells of a message; the store's Story fits. */
export interface LedgerStory {
  messageId: string;
  traceId: string;
  state: 'pending' | 'delivered' | 'dead';
  tenantId: string;
  clientId: string;
  dialogId: string;
  seq: number;
  matchedBy: MatchedBy;
  isNewClient: boolean;
  isNewDialog: boolean;
  attempts: number;
  lastError: string | null;
  receivedAt: string;
  resolvedAt: string;
  deliveredAt: string | null;
  failedAttempts: Array<{ at: string; code: string; ms: number }>;
}

export interface QueuedNote {
  messageId: string;
  traceId: string;
  receivedAt: string;
}

/** A receipt: how tenant, client and dialog were found, and where the message is. Never its text. */
export interface MessageStatus {
  message_id: string;
  trace_id: string;
  state: LedgerStory['state'] | 'queued' | 'parked';
  tenant_id: string | null;
  client_id: string | null;
  dialog_id: string | null;
  seq: number | null;
  matched_by: MatchedBy | null;
  is_new_client: boolean | null;
  is_new_dialog: boolean | null;
  attempts: number;
  last_error: string | null;
  received_at: string;
  resolved_at: string | null;
  delivered_at: string | null;
  failed_attempts: LedgerStory['failedAttempts'];
}

export function statusOfStory(story: LedgerStory): MessageStatus {
  return {
    message_id: story.messageId,
    trace_id: story.traceId,
    state: story.state,
    tenant_id: story.tenantId,
    client_id: story.clientId,
    dialog_id: story.dialogId,
    seq: story.seq,
    matched_by: story.matchedBy,
    is_new_client: story.isNewClient,
    is_new_dialog: story.isNewDialog,
    attempts: story.attempts,
    last_error: story.lastError,
    received_at: story.receivedAt,
    resolved_at: story.resolvedAt,
    delivered_at: story.deliveredAt,
    failed_attempts: story.failedAttempts,
  };
}

/** A message that only waits in the queue: nothing but itself is known yet. */
export function statusOfQueued({ messageId, traceId, receivedAt }: QueuedNote): MessageStatus {
  return {
    message_id: messageId,
    trace_id: traceId,
    state: 'queued',
    tenant_id: null,
    client_id: null,
    dialog_id: null,
    seq: null,
    matched_by: null,
    is_new_client: null,
    is_new_dialog: null,
    attempts: 0,
    last_error: null,
    received_at: receivedAt,
    resolved_at: null,
    delivered_at: null,
    failed_attempts: [],
  };
}

/** A message that is in the dead-letter queue and nowhere else. */
export function statusOfParked(
  entry: DlqEntry,
  message: NonNullable<DlqEntry['message']>,
): MessageStatus {
  const { messageId, traceId } = message;
  return {
    ...statusOfQueued({ messageId, traceId, receivedAt: entry.receivedAt }),
    state: 'parked',
    tenant_id: entry.tenantId,
    client_id: entry.clientId,
    dialog_id: entry.dialogId,
    attempts: entry.attempts,
    last_error: entry.error.code,
  };
}
