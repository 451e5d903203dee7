export interface Lane {
  tenantId: string;
  dialogId: string;
  /** Guards the lane's removal: whatever comes later changes it. A bigint as text. */
  version: string;
}

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
