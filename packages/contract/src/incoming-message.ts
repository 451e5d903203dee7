import { z } from 'zod';
import { CHANNEL_CODES } from './channels.ts';
import type { MessageId } from './ids.ts';
import { parseTraceparent } from './traceparent.ts';

const nullableText = z.string().nullable();

/**
 * A message that has been checked: the form in which it travels through queues and waits in the
 * dead-letter queue. It knows its account by fingerprint only. `media` and `meta` are JSON texts,
 * so that no number in them is rounded on the way.
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
  /** W3C Trace Context of who sent it. Whatever stands here by mistake goes, and the message stays. */
  traceParent: z.unknown().transform(parseTraceparent).optional(),
});

export type IncomingMessage = z.infer<typeof incomingMessage> & { messageId: MessageId };
