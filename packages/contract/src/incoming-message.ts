import { z } from 'zod';
import { CHANNEL_CODES } from './channels.ts';
import type { MessageId } from './ids.ts';

const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a W3C traceparent. Any other value is ignored, because tracing must not cost a message. */
export function parseTraceparent(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(value) ?? [];
  if (version === undefined || (version === '00' && rest !== undefined)) return undefined;
  // Only these parts of a later version are known.
  return version === '00' ? value : `00-${traceId}-${spanId}-${flags}`;
}

const nullableText = z.string().nullable();

/**
 * A checked message, as queues and the dead-letter queue hold it. It names its account by the fingerprint only. `media`
 * and `meta` are JSON texts, so that no number in them is rounded.
 */
export const incomingMessage = z.object({
  messageId: z.uuid().toLowerCase(),
  contentHash: z.string(),
  traceId: z.string(),
  channel: z.enum(CHANNEL_CODES),
  fingerprint: z.string(),
  mask: nullableText,
  externalChatId: z.string(),
  externalUserId: nullableText,
  clientName: nullableText,
  clientPhone: nullableText,
  /** Whether the channel vouches for the phone. False for a job of an earlier version. */
  phoneVerified: z.boolean().default(false),
  clientUsername: nullableText,
  text: nullableText,
  timestamp: z.string(),
  messageIds: z.array(z.string()).min(1),
  media: nullableText,
  meta: nullableText,
  receivedAt: z.iso.datetime(),
  /** The sender's W3C traceparent. An invalid one is dropped, and the message stays. */
  traceParent: z.unknown().transform(parseTraceparent).optional(),
});

export type IncomingMessage = z.infer<typeof incomingMessage> & { messageId: MessageId };

/**
 * A job of the queue `resolve` as our API writes it. Another service may add the body of a request instead: data without
 * `v` is checked like a request.
 */
export const resolveJob = z.object({
  v: z.literal(1),
  message: incomingMessage,
  /** The API process and request that wait for the answer, and until when; absent if none waits. */
  reply: z.object({ to: z.string(), requestId: z.string(), untilMs: z.number() }).optional(),
  /** The dead-letter entry that this job replays. It is removed after a successful replay. */
  replayOf: z.string().optional(),
  /** The tenant of that entry. The message is resolved for no other tenant, also if the entry has been removed meanwhile. */
  replayFor: z.string().optional(),
  /** Whether the API counted it among the waiting messages of its account. */
  counted: z.literal(true).optional(),
});

export type ResolveJob = z.infer<typeof resolveJob>;
