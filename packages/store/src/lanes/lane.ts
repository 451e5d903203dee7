import type { DialogId, MessageId, TenantId } from '@contour/contract';

/**
 * The messages of a dialog that wait for Core, as a row of `lanes`. No lock is held during a delivery: the shard's job and
 * the version guard the lane. Four statements lock this row, each after the rows of the messages: the upsert in
 * resolve/store-messages.ts, `held` in settle.ts, the upsert in messages/revive-message.ts, and `erase_lanes` in
 * erase/erase-person.ts. Statements about several lanes lock them in key order.
 */
export interface Lane {
  tenantId: TenantId;
  dialogId: DialogId;
  /** Guards the lane's removal, because everything that is added to a lane changes it. A bigint as text. */
  version: string;
}

export interface PendingMessage {
  tenantId: TenantId;
  dialogId: DialogId;
  messageId: MessageId;
  traceId: string;
  /** The W3C traceparent for its delivery; null if the message is not traced. */
  traceParent: string | null;
  seq: number;
  /** All attempts so far. The message is marked only if it still has as many. */
  attempts: number;
  /** Those of them that came before the last replay. */
  attemptsBefore: number;
  lastError: string | null;
  receivedAt: Date;
  /** The bytes that Core gets. */
  payload: string;
}

/**
 * The shard that delivers a dialog. It is written into the lane when the lane is made, and stays until the lane is empty.
 * So two workers never deliver one dialog after the number of shards was changed.
 */
export function laneShard(dialogId: string, shardCount: number): number {
  // The last digits of a UUID are random in every version that a dialog may have.
  return Number.parseInt(dialogId.slice(-8), 16) % shardCount;
}
