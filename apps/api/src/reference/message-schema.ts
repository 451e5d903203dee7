import {
  CHANNEL_CODES,
  CHANNELS,
  type Channel,
  CREDENTIAL_FIELDS,
  CREDENTIAL_PATTERN,
  FINGERPRINT_PATTERN,
} from '@contour/contract';
import type { JsonSchema } from './json-schema.ts';

function credentialField(channel: Channel): [string, JsonSchema] {
  return [
    CHANNELS[channel].credentialField,
    {
      type: ['string', 'integer', 'null'] as never,
      pattern: CREDENTIAL_PATTERN.source,
      description: `The credential of an account of ${channel}: 1 to 256 characters, no white space; a number counts as its decimal string. Null or absent for every other channel.`,
    },
  ];
}

/** A channel's own credential or its fingerprint, and no other channel's field. */
function ruleOf(channel: Channel): JsonSchema {
  const own = CHANNELS[channel].credentialField;
  const others = CREDENTIAL_FIELDS.filter((field) => field !== own);
  return {
    if: { properties: { channel: { const: channel } } },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's own word.
    then: {
      properties: Object.fromEntries(others.map((field) => [field, { type: 'null' }])),
      anyOf: [
        { properties: { [own]: { type: ['string', 'integer'] as never } }, required: [own] },
        {
          properties: { account_fingerprint: { type: 'string' } },
          required: ['account_fingerprint'],
        },
      ],
    },
  };
}

/** The second field stands in where the first is absent. */
const without = (first: string, second: string, schema: JsonSchema): JsonSchema => ({
  if: { properties: { [first]: { type: 'null' } } },
  // biome-ignore lint/suspicious/noThenProperty: JSON Schema's own word.
  then: { properties: { [second]: schema }, required: [second] },
});

const table = CHANNEL_CODES.map((code) => `| ${code} | ${CHANNELS[code].credentialField} |`);

/** Whose a message is, for people. */
export const CREDENTIAL_RULES = [
  'Whose it is, is told by the credential in the field of its channel, or by `account_fingerprint`, or by both; the field of another channel beside it is a fault.',
  `| channel | its credential field |\n|---|---|\n${table.join('\n')}`,
  '`null` counts as absent everywhere; what is not named here is ignored. U+0000 and lone surrogates are refused in every string.',
].join('\n\n');

/** The body of POST /resolve: what zod checks field by field, and the rules between the fields. */
export function messageSchema(fields: JsonSchema): JsonSchema {
  const { channel, ...others } = fields.properties ?? {};
  return {
    ...fields,
    description: 'A batch of messages from one chat.',
    properties: {
      ...(channel === undefined ? {} : { channel }),
      ...Object.fromEntries(CHANNEL_CODES.map(credentialField)),
      account_fingerprint: {
        type: ['string', 'null'] as never,
        pattern: FINGERPRINT_PATTERN.source,
        description:
          'Lower-case hex SHA-256 of the credential, in its place; beside it, the two must agree.',
      },
      ...others,
      traceparent: {
        description:
          'W3C Trace Context, where it does not come as a header; whatever is none is passed over.',
      },
    },
    allOf: [
      ...CHANNEL_CODES.map(ruleOf),
      without('message_ids', 'message_id', { type: ['string', 'integer'] as never }),
      without('media', 'text', { type: 'string', minLength: 1 }),
    ],
  };
}
