import { z } from 'zod';
import { CHANNEL_CODES, type MessageId } from './identity.ts';
import { instantOf } from './instant-of.ts';

const MAX_TEXT = 64 * 1024;
const MAX_MESSAGE_IDS = 1000;
/** Longest id, name, user name and phone, in Unicode code points. */
const MAX_SHORT_TEXT = 256;

// Code points are counted only if the number of code units does not decide.
const hasAtMost = (text: string, max: number) =>
  text.length <= max || (text.length <= 2 * max && [...text].length <= max);

/** The beginning of a text, cut between two characters. */
function cutToShort(text: string): string {
  if (text.length <= MAX_SHORT_TEXT) return text;
  let end = 0;
  for (let n = 0; n < MAX_SHORT_TEXT && end < text.length; n += 1) {
    end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}

/** Whether a value is a valid message id: a string of 1 to 256 characters, or a safe integer. */
export const isMessageId = (id: unknown): boolean =>
  typeof id === 'string' ? id !== '' && hasAtMost(id, MAX_SHORT_TEXT) : Number.isSafeInteger(id);

// Existing senders write null for absent fields, so null counts as absent everywhere.
const absentWhenNull = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => value ?? undefined, schema.optional());
const requiredUnlessNull = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => value ?? undefined, schema);

const stringOrInteger = z
  .union([z.string(), z.number().refine(Number.isSafeInteger).meta({ type: 'integer' })], {
    error: (issue) =>
      issue.input === undefined ? 'is required' : 'must be a string or a safe integer',
  })
  .transform(String);

const shortText = stringOrInteger
  .refine((text) => hasAtMost(text, MAX_SHORT_TEXT), {
    error: `must have at most ${MAX_SHORT_TEXT} characters`,
  })
  .meta({ maxLength: MAX_SHORT_TEXT });

const id = stringOrInteger
  .refine((text) => isMessageId(text), { error: `must have 1 to ${MAX_SHORT_TEXT} characters` })
  .meta({ minLength: 1, maxLength: MAX_SHORT_TEXT });

const messageIds = z
  .array(id, { error: 'must be a list of strings or safe integers' })
  .transform((ids) => [...new Set(ids)])
  .refine((ids) => ids.length >= 1 && ids.length <= MAX_MESSAGE_IDS, {
    error: `must have 1 to ${MAX_MESSAGE_IDS} entries`,
  })
  .meta({ minItems: 1 });

const name = absentWhenNull(z.string({ error: 'must be a string' }).transform(cutToShort)).describe(
  `Only the first ${MAX_SHORT_TEXT} characters are used.`,
);

// Short, because existing senders log 200 characters of an answer.
const TIMESTAMP_FAULT = 'must be ISO 8601, or seconds or milliseconds since 1970';

const timestamp = z
  .union([z.string(), z.number()], { error: TIMESTAMP_FAULT })
  .refine((value) => instantOf(value, 'UTC') !== undefined, { error: TIMESTAMP_FAULT });

const isPlainObject = (value: unknown) => typeof value === 'object' && !Array.isArray(value);

/**
 * The fields of a request. Rules between fields are in check-incoming. `meta` and `describe` are for the API reference,
 * which cannot read the conditions of a refinement.
 */
export const incomingFields = z.object({
  channel: requiredUnlessNull(
    z.enum(CHANNEL_CODES, { error: `must be one of ${CHANNEL_CODES.join(', ')}` }),
  ),
  external_chat_id: requiredUnlessNull(id).describe(
    'The chat within the channel: 1 to 256 characters, or a safe integer, also a negative one.',
  ),
  external_user_id: absentWhenNull(shortText).describe(
    `At most ${MAX_SHORT_TEXT} characters, or a safe integer.`,
  ),
  client_name: name,
  client_phone: absentWhenNull(shortText).describe(
    `At most ${MAX_SHORT_TEXT} characters. Normalised to E.164 to find the client. A phone that cannot be normalised is not used for that. Core gets it as it was sent.`,
  ),
  phone_verified: absentWhenNull(z.boolean({ error: 'must be true or false' })).describe(
    "True if the channel vouches for the phone. With `LINK_BY_PHONE=verified` only such a phone counts, and one that is a WhatsApp client's own id.",
  ),
  client_username: name,
  text: absentWhenNull(
    z
      .string({ error: 'must be a string' })
      .refine((text) => hasAtMost(text, MAX_TEXT), {
        error: `must have at most ${MAX_TEXT} characters`,
      })
      .meta({ maxLength: MAX_TEXT }),
  ).describe(`At most ${MAX_TEXT} characters; empty, null or absent only if there is \`media\`.`),
  timestamp: absentWhenNull(timestamp).describe(
    'When the message was written; the time of receipt by default. ISO 8601 with `T` or a space, with or without fractions of a second, and with the offset `Z`, `+03:00` or `+0300`; without an offset it is read in DEFAULT_TIMEZONE. Or a number or a string of digits: seconds (up to 10 digits) or milliseconds (13 digits) since 1970. Core gets it as it was sent.',
  ),
  message_ids: absentWhenNull(messageIds).describe(
    `1 to ${MAX_MESSAGE_IDS} ids of 1 to ${MAX_SHORT_TEXT} characters; duplicates within the list count once. With channel, account and chat they identify the message.`,
  ),
  message_id: absentWhenNull(id).describe(
    'Counts as a list of one if `message_ids` is absent; ignored otherwise.',
  ),
  trace_id: absentWhenNull(
    z
      .string({ error: 'must be a string' })
      .regex(/^[\x21-\x7e]{1,128}$/, { error: 'must have 1 to 128 visible ASCII characters' }),
  ).describe('1 to 128 visible ASCII characters; a new UUIDv7 by default.'),
  media: z
    .unknown()
    .optional()
    .describe(
      "Any JSON up to 64 KiB. The message's own credential becomes `{credential}` in it before the size is measured; a credential of fewer than 8 characters is a public id and stays.",
    ),
  meta: absentWhenNull(
    z
      .custom<Record<string, unknown>>(isPlainObject, { error: 'must be an object' })
      .meta({ type: 'object' }),
  ).describe('Passed to Core unchanged. At most 20 000 keys, together with `media`.'),
});

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
  /** As it was sent. */
  timestamp: z.union([z.string(), z.number()]),
  /** The instant of `timestamp`, in milliseconds since 1970. Null for a job of an earlier version. */
  writtenAtMs: z.number().nullable().default(null),
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
