import { z } from 'zod';
import { type IncomingMessage, incomingMessage } from './incoming-message.ts';
import { parseExactJson, writeExactJson } from './json.ts';

export const DLQ_REASONS = [
  'unknown_tenant',
  'tenant_disabled',
  'invalid',
  'conflict',
  'core_refused',
  'core_exhausted',
  'stalled',
] as const;

export type DlqReason = (typeof DLQ_REASONS)[number];

const nullableText = z.string().nullable();

/** A dead-letter entry. Either `message` or `raw` is set. */
export const dlqEntry = z.object({
  v: z.literal(1),
  id: z.string(),
  reason: z.enum(DLQ_REASONS),
  stage: z.enum(['resolve', 'deliver']),
  tenantId: nullableText,
  clientId: nullableText,
  dialogId: nullableText,
  error: z.object({ code: z.string(), message: z.string() }),
  attempts: z.int(),
  failedAt: z.iso.datetime(),
  receivedAt: z.iso.datetime(),
  message: incomingMessage.nullable(),
  /** Unreadable data of a direct producer, as JSON text, without its credential. */
  raw: nullableText,
});

export type DlqEntry = z.infer<typeof dlqEntry>;

/**
 * An entry's job in the queue `dlq` in Redis, without a body and without personal data. Postgres holds the entry itself
 * in this version.
 */
export const dlqJob = z.strictObject({
  v: z.literal(2),
  version: z.int(),
  id: z.string(),
  reason: z.enum(DLQ_REASONS),
  stage: z.enum(['resolve', 'deliver']),
  tenant_id: nullableText,
  client_id: nullableText,
  dialog_id: nullableText,
  trace_id: nullableText,
  channel: nullableText,
  account: nullableText,
  error: z.string(),
  attempts: z.int(),
  received_at: z.iso.datetime(),
  failed_at: z.iso.datetime(),
});

export type DlqJob = z.infer<typeof dlqJob>;

/** A checked message in the form of a request, so that a direct producer could send it again. */
function wireForm(message: IncomingMessage): Record<string, unknown> {
  return {
    channel: message.channel,
    account_fingerprint: message.fingerprint,
    external_user_id: message.externalUserId,
    external_chat_id: message.externalChatId,
    client_name: message.clientName,
    client_phone: message.clientPhone,
    phone_verified: message.phoneVerified,
    client_username: message.clientUsername,
    text: message.text,
    timestamp: message.timestamp,
    message_ids: message.messageIds,
    trace_id: message.traceId,
    media: message.media === null ? null : parseExactJson(message.media),
    meta: message.meta === null ? null : parseExactJson(message.meta),
  };
}

/** An entry as API and CLI show it. */
export function dlqEntryBody(entry: DlqEntry): string {
  const { message } = entry;
  return writeExactJson({
    id: entry.id,
    reason: entry.reason,
    stage: entry.stage,
    message_id: message?.messageId ?? null,
    trace_id: message?.traceId ?? null,
    channel: message?.channel ?? null,
    account: message && { fingerprint: message.fingerprint, mask: message.mask },
    external_chat_id: message?.externalChatId ?? null,
    tenant_id: entry.tenantId,
    client_id: entry.clientId,
    dialog_id: entry.dialogId,
    error: entry.error,
    attempts: entry.attempts,
    received_at: entry.receivedAt,
    failed_at: entry.failedAt,
    message: message ? wireForm(message) : parseExactJson(entry.raw ?? 'null'),
  });
}

/** Reads a stored payload back into its message, for the message's dead-letter entry. */
export function messageOfPayload(
  payload: string,
  stored: Pick<
    IncomingMessage,
    'contentHash' | 'fingerprint' | 'receivedAt' | 'traceParent' | 'writtenAtMs'
  >,
): IncomingMessage {
  const sent = parseExactJson(payload) as Record<string, unknown>;
  const {
    is_new_client: _client,
    is_new_dialog: _dialog,
    ...meta
  } = sent.meta as Record<string, unknown>;
  return incomingMessage.parse({
    ...stored,
    mask: null,
    messageId: sent.message_id,
    traceId: sent.trace_id,
    channel: sent.channel,
    externalChatId: sent.external_chat_id,
    externalUserId: sent.external_user_id,
    clientName: (sent.client as Record<string, unknown>).name,
    clientPhone: sent.client_phone,
    clientUsername: null,
    text: sent.text,
    timestamp: sent.timestamp,
    messageIds: sent.message_ids,
    media: sent.media === null ? null : writeExactJson(sent.media),
    meta: Object.keys(meta).length === 0 ? null : writeExactJson(meta),
  });
}
