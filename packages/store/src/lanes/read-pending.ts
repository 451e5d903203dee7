import { columns, type Queryable, statement } from '../statement.ts';
import type { Lane } from './take-lanes.ts';

export interface PendingMessage {
  tenantId: string;
  dialogId: string;
  messageId: string;
  traceId: string;
  /** The W3C traceparent it is delivered under; null where nobody traced it. */
  traceParent: string | null;
  seq: number;
  /** All attempts so far; the message is marked only in the state in which it was read. */
  attempts: number;
  /** Those of them that came before the last replay. */
  attemptsBefore: number;
  lastError: string | null;
  receivedAt: Date;
  /** The bytes that Core gets. */
  payload: string;
}

interface PendingRow {
  tenant_id: string;
  dialog_id: string;
  id: string;
  trace_id: string;
  trace_parent: string | null;
  seq: number;
  attempts: number;
  attempts_before: number;
  last_error: string | null;
  received_at: Date;
  payload: string;
}

const findPending = statement<PendingRow>(
  'read_pending',
  `select l.tenant_id, l.dialog_id, m.id, m.trace_id, m.trace_parent, m.seq, m.attempts, m.attempts_before,
          m.last_error, m.received_at, m.payload
     from unnest($1::uuid[], $2::uuid[]) as l(tenant_id, dialog_id)
    cross join lateral (
      select id, trace_id, trace_parent, seq, attempts, attempts_before, last_error,
             received_at, payload::text as payload
        from messages
       where tenant_id = l.tenant_id and dialog_id = l.dialog_id and status = 'pending'
       order by seq limit $3
    ) m
    order by l.tenant_id, l.dialog_id, m.seq`,
);

/**
 * The next messages of each lane in `seq` order, by dialog id. Must be a later statement than the
 * one that took the lanes: a message that is missing here has then changed its lane's version.
 */
export async function readPending(
  db: Queryable,
  lanes: readonly Lane[],
  limitPerLane: number,
): Promise<Map<string, PendingMessage[]>> {
  const asked = columns(
    lanes,
    (l) => l.tenantId,
    (l) => l.dialogId,
  );
  const pending = new Map<string, PendingMessage[]>(lanes.map((lane) => [lane.dialogId, []]));
  for (const row of await findPending(db, ...asked, limitPerLane)) {
    pending.get(row.dialog_id)?.push({
      tenantId: row.tenant_id,
      dialogId: row.dialog_id,
      messageId: row.id,
      traceId: row.trace_id,
      traceParent: row.trace_parent,
      seq: row.seq,
      attempts: row.attempts,
      attemptsBefore: row.attempts_before,
      lastError: row.last_error,
      receivedAt: row.received_at,
      payload: row.payload,
    });
  }
  return pending;
}
