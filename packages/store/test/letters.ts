import { type DlqEntry, fingerprintOf, type IncomingMessage, uuidv7 } from '@contour/contract';
import type { Letter } from '../src/index.ts';

export const FIRST = fingerprintOf('first');

export function message(over: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    messageId: uuidv7(),
    contentHash: 'c0ffee',
    traceId: 'trace_1',
    channel: 'telegram',
    fingerprint: FIRST,
    mask: null,
    externalChatId: '1',
    externalUserId: null,
    clientName: null,
    clientPhone: null,
    phoneVerified: false,
    clientUsername: null,
    text: 'hello',
    timestamp: '2024-12-10T10:00:15Z',
    messageIds: ['m1'],
    media: '{"size":12345678901234567890}',
    meta: null,
    receivedAt: '2024-12-10T10:00:16.000Z',
    ...over,
  };
}

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
    error: { code: 'unknown_tenant', message: 'no tenant has this credential' },
    attempts: 1,
    failedAt: '2024-12-10T10:00:17.000Z',
    receivedAt: sent?.receivedAt ?? '2024-12-10T10:00:16.000Z',
    message: sent,
    raw: null,
    ...over,
  };
}

export const letter = (one: DlqEntry, wasRefused = false): Letter => ({ entry: one, wasRefused });

export const some = (count: number, over: Partial<DlqEntry> = {}): DlqEntry[] =>
  Array.from({ length: count }, () => entry(over));
