import {
  type DlqEntry,
  fingerprintOf,
  type IncomingMessage,
  type ResolveJob,
  uuidv7,
} from '@contour/contract';

/** A message as the intake passes it on. */
export function message(over: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    messageId: uuidv7(),
    contentHash: 'c0ffee',
    traceId: 'trace_1',
    channel: 'telegram',
    fingerprint: fingerprintOf('first'),
    mask: null,
    externalChatId: '1',
    externalUserId: null,
    clientName: null,
    clientPhone: null,
    phoneVerified: false,
    clientUsername: null,
    text: 'hello',
    timestamp: '2024-12-10T10:00:15Z',
    writtenAtMs: Date.parse('2024-12-10T10:00:15Z'),
    messageIds: ['m1'],
    media: '{"size":12345678901234567890}',
    meta: null,
    receivedAt: '2024-12-10T10:00:16.000Z',
    ...over,
  };
}

export const resolveJobOf = (sent: IncomingMessage): ResolveJob => ({ v: 1, message: sent });

/** An entry of the dead-letter queue. */
export function entry(over: Partial<DlqEntry> = {}): DlqEntry {
  const sent = over.message === undefined ? message() : over.message;
  return {
    v: 1,
    id: sent?.messageId ?? uuidv7(),
    reason: 'unknown_tenant',
    stage: 'resolve',
    tenantId: null,
    clientId: null,
    dialogId: null,
    error: { code: 'unknown_tenant', message: 'No tenant has this credential' },
    attempts: 1,
    failedAt: '2024-12-10T10:00:17.000Z',
    receivedAt: sent?.receivedAt ?? '2024-12-10T10:00:16.000Z',
    message: sent,
    raw: null,
    ...over,
  };
}
