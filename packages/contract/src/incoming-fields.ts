import { z } from 'zod';
import { CHANNEL_CODES } from './channels.ts';

const MAX_TEXT = 64 * 1024;
const MAX_MESSAGE_IDS = 1000;

// Existing senders write null for whatever does not apply: null is absence everywhere.
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

const externalId = stringOrInteger
  .refine((id) => id.length >= 1 && id.length <= 256, { error: 'must have 1 to 256 characters' })
  .meta({ minLength: 1, maxLength: 256 });

const messageId = stringOrInteger
  .refine((id) => id.length >= 1, { error: 'must not be empty' })
  .meta({ minLength: 1 });

const messageIds = z
  .array(messageId, { error: 'must be a list of strings or safe integers' })
  .transform((ids) => [...new Set(ids)])
  .refine((ids) => ids.length >= 1 && ids.length <= MAX_MESSAGE_IDS, {
    error: `must have 1 to ${MAX_MESSAGE_IDS} entries`,
  })
  .meta({ minItems: 1 });

const optionalString = absentWhenNull(z.string({ error: 'must be a string' }));

// Code points are counted only where the cheaper count of code units does not decide.
const isShortText = (text: string) => text.length <= MAX_TEXT || [...text].length <= MAX_TEXT;

const isPlainObject = (value: unknown) => typeof value === 'object' && !Array.isArray(value);

/**
 * What enters, field by field. Rules between fields are in check-incoming. What is said in `meta` and
 * `describe` is for the reference: what a refinement checks cannot be read from it.
 */
export const incomingFields = z.object({
  channel: requiredUnlessNull(
    z.enum(CHANNEL_CODES, { error: `must be one of ${CHANNEL_CODES.join(', ')}` }),
  ),
  external_chat_id: requiredUnlessNull(externalId).describe(
    'The chat within the channel: 1 to 256 characters, or a safe integer, also a negative one.',
  ),
  external_user_id: absentWhenNull(stringOrInteger),
  client_name: optionalString,
  client_phone: absentWhenNull(stringOrInteger).describe(
    'Normalised to E.164 to find the client by; one that cannot be is not used for that. Core gets it as it was sent.',
  ),
  client_username: optionalString,
  text: absentWhenNull(
    z
      .string({ error: 'must be a string' })
      .refine(isShortText, { error: `must have at most ${MAX_TEXT} characters` })
      .meta({ maxLength: MAX_TEXT }),
  ).describe(
    `At most ${MAX_TEXT} characters; empty, null or absent only where there is \`media\`.`,
  ),
  timestamp: absentWhenNull(
    z.iso.datetime({ offset: true, error: 'must be an ISO 8601 time with an offset' }),
  ).describe('ISO 8601 with an offset; the time of receipt where it is absent.'),
  message_ids: absentWhenNull(messageIds).describe(
    `1 to ${MAX_MESSAGE_IDS} ids; repeats within the list count once. With channel, account and chat they make the message the one it is.`,
  ),
  message_id: absentWhenNull(messageId).describe(
    'A list of one, where `message_ids` is absent; ignored otherwise.',
  ),
  trace_id: absentWhenNull(
    z
      .string({ error: 'must be a string' })
      .regex(/^[\x21-\x7e]{1,128}$/, { error: 'must have 1 to 128 visible ASCII characters' }),
  ).describe('1 to 128 visible ASCII characters; made up (UUIDv7) where it is absent.'),
  media: z
    .unknown()
    .optional()
    .describe(
      "Any JSON up to 64 KiB. The message's own credential, where it occurs inside, becomes `{credential}`.",
    ),
  meta: absentWhenNull(
    z
      .custom<Record<string, unknown>>(isPlainObject, { error: 'must be an object' })
      .meta({ type: 'object' }),
  ).describe('Passed on to Core as it is.'),
});
