import {
  CHANNEL_CODES,
  CHANNELS,
  type Channel,
  CREDENTIAL_FIELDS,
  CREDENTIAL_PATTERN,
  FINGERPRINT_PATTERN,
  incomingFields,
} from '@contour/contract';
import { documented, json, jsonBody, named, problems, SENDERS, shared } from '@contour/http';
import { z } from 'zod';
import * as examples from './examples.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

const { sendersFaults, sendersProblem, TRACEPARENT } = examples;

const accepted = named(
  'Accepted',
  z.object({
    accepted: z.literal(true),
    tenant_id: z.uuid(),
    client_id: z.uuid(),
    dialog_id: z.uuid(),
    trace_id: z.string(),
    message_id: z.uuid(),
  }),
);

const queued = named(
  'Queued',
  z.object({
    accepted: z.literal(true),
    trace_id: z.string(),
    message_id: z.uuid(),
    status_url: z.string().describe('`/messages/<message_id>`, also in `Location`'),
  }),
);

const credentialTable = CHANNEL_CODES.map(
  (code) => `| ${code} | ${CHANNELS[code].credentialField} |`,
);

const DESCRIPTION = [
  'Finds the tenant, the client and the dialog, and answers after the commit. Core gets the message after the earlier messages of the dialog. A duplicate (the same channel account, chat and set of message ids) gets the first answer, byte for byte.',
  'The account is identified by the credential in the field of its channel, or by `account_fingerprint`, or by both. The credential field of another channel beside it is a fault.',
  `| channel | its credential field |\n|---|---|\n${credentialTable.join('\n')}`,
  '`null` counts as absent everywhere. Fields that are not named here are ignored. U+0000 and lone surrogates are refused in every string.',
].join('\n\n');

const textHeader = { in: 'header', schema: { type: 'string' } };

const requestHeaders = [
  {
    name: 'Prefer',
    ...textHeader,
    description:
      'RFC 7240. `respond-async`: 202 at once. With `wait=<seconds>`: a 200 within that time, or else a 202.',
    example: 'respond-async, wait=5',
  },
  {
    name: 'traceparent',
    ...textHeader,
    description: 'W3C Trace Context. It is passed on to Core.',
    example: TRACEPARENT,
  },
];

const refusals = {
  400: problems('Not valid. `errors` names every fault, and `detail` begins with the first.', {
    invalid: sendersFaults([
      { path: 'external_chat_id', message: 'is required' },
      { path: 'profile_id', message: 'is not a field of telegram, whose own is bot_token' },
      { path: 'text', message: 'is required where there is no media' },
    ]),
  }),
  401: shared('NoApiKey'),
  403: problems('The tenant or its channel account is switched off.', {
    tenant_disabled: sendersProblem('tenant_disabled', 'Tenant disabled'),
  }),
  404: problems(
    'No tenant has this credential. The message waits in the dead-letter queue, and is accepted after its tenant was added.',
    {
      unknown_tenant: sendersProblem(
        'unknown_tenant',
        'No tenant has this credential. The message is parked in the dead-letter queue.',
      ),
    },
  ),
  409: problems('These message ids were accepted with another text or media.', {
    message_conflict: sendersProblem(
      'message_conflict',
      'These message ids were accepted with another text or media. Nothing is stored.',
    ),
  }),
  413: shared('TooLarge'),
  415: shared('NotJson'),
  429: problems(
    'One key sends too many requests per second, or one account has too many messages waiting.',
    { too_many_requests: sendersProblem('too_many_requests', 'At most 1 requests per second.') },
    ['Retry-After'],
  ),
  500: shared('Internal'),
  503: problems(
    '`unavailable`: as far as the service can know, the message was not accepted. `not_yet`: it is queued and will be resolved. In both cases the request may be sent again, and counts once.',
    {
      unavailable: sendersProblem('unavailable', 'The backlog is over its limit.'),
      not_yet: sendersProblem(
        'not_yet',
        'The message is queued and will be resolved. Sent again, it counts once.',
      ),
    },
    ['Retry-After'],
  ),
};

/** POST /resolve in the reference. `checkIncoming` checks its body, by the same schema and in the contract's words. */
export const resolveOperation = documented({
  operationId: 'resolve',
  summary: 'Accept a batch of messages from one chat',
  description: DESCRIPTION,
  tags: ['Messages'],
  security: SENDERS,
  parameters: requestHeaders,
  requestBody: jsonBody(named('Message', incomingFields), examples.messages, true),
  responses: {
    200: json(
      'Resolved and committed.',
      accepted,
      { resolved: examples.accepted, repeated: examples.accepted },
      ['Idempotent-Replayed'],
    ),
    202: json(
      'Queued, and not resolved yet. Only if the request has `Prefer: respond-async`.',
      queued,
      { queued: examples.queued },
      ['Location', 'Preference-Applied'],
    ),
    ...refusals,
  },
});

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
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
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

/** Without the first field the second one is required. */
const without = (first: string, second: string, schema: JsonSchema): JsonSchema => ({
  if: { properties: { [first]: { type: 'null' } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
  then: { properties: { [second]: schema }, required: [second] },
});

/** The body of POST /resolve: the fields that zod checks one by one, and the rules between fields. */
export function withRules(fields: JsonSchema): JsonSchema {
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
          'Lower-case hex SHA-256 of the credential, in its place. If both are given, they must agree.',
      },
      ...others,
      traceparent: {
        description:
          'W3C Trace Context, if it is not sent as a header. A value that is not valid is ignored.',
      },
    },
    allOf: [
      ...CHANNEL_CODES.map(ruleOf),
      without('message_ids', 'message_id', { type: ['string', 'integer'] as never }),
      without('media', 'text', { type: 'string', minLength: 1 }),
    ],
  };
}
