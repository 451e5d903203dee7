import {
  type ClientId,
  type DialogId,
  type DlqEntry,
  incomingMessage,
  type MessageId,
  messageOfPayload,
  type TenantId,
} from '@contour/contract';

/** A row of `parked`, with the message of a dead one. */
export interface ParkedRow {
  id: MessageId;
  seq: string;
  version: string;
  reason: DlqEntry['reason'];
  stage: DlqEntry['stage'];
  tenant_id: TenantId | null;
  client_id: ClientId | null;
  dialog_id: DialogId | null;
  channel: string | null;
  fingerprint: string | null;
  error_code: string;
  error_message: string;
  attempts: number;
  received_at: Date;
  failed_at: Date;
  body: string | null;
  was_refused: boolean;
  payload: string | null;
  content_hash: string | null;
  trace_parent: string | null;
}

/** The columns of a ParkedRow; `p` is the row of `parked`. */
export const PARKED_COLUMNS = `p.id, p.seq, p.version, p.reason, p.stage, p.tenant_id, p.client_id,
  p.dialog_id, p.channel, p.fingerprint, p.error_code, p.error_message, p.attempts, p.received_at, p.failed_at,
  p.body, p.was_refused, m.payload::text as payload, m.content_hash, m.trace_parent`;

/** Joins the body of a dead message, which is in the ledger. */
export const PARKED_MESSAGE = `left join messages m
  on p.stage = 'deliver' and m.tenant_id = p.tenant_id and m.id = p.id`;

/** An entry, and the version in which it was read. */
export interface ParkedEntry {
  entry: DlqEntry;
  version: string;
  /** Whether the sender was told that the message was not accepted. */
  wasRefused: boolean;
}

/** Null for a body that cannot be read: it must not hide its entry, nor the others of the page. */
function messageOf(row: ParkedRow): DlqEntry['message'] {
  try {
    if (row.payload !== null) {
      return messageOfPayload(row.payload, {
        contentHash: row.content_hash ?? '',
        fingerprint: row.fingerprint ?? '',
        receivedAt: row.received_at.toISOString(),
        traceParent: row.trace_parent ?? undefined,
      });
    }
    if (row.body === null || row.channel === null) return null;
    return incomingMessage.parse(JSON.parse(row.body));
  } catch {
    return null;
  }
}

export function parkedEntry(row: ParkedRow): ParkedEntry {
  return {
    version: row.version,
    wasRefused: row.was_refused,
    entry: {
      v: 1,
      id: row.id,
      reason: row.reason,
      stage: row.stage,
      tenantId: row.tenant_id,
      clientId: row.client_id,
      dialogId: row.dialog_id,
      error: { code: row.error_code, message: row.error_message },
      attempts: row.attempts,
      failedAt: row.failed_at.toISOString(),
      receivedAt: row.received_at.toISOString(),
      message: messageOf(row),
      raw: row.channel === null ? row.body : null,
    },
  };
}
