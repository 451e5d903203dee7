import { accepted, messages, queued, sendersProblem, TRACEPARENT } from './examples.ts';
import { refTo } from './json-schema.ts';
import { CREDENTIAL_RULES } from './message-schema.ts';
import { json, jsonBody, type PathItem, problems, SENDERS } from './parts.ts';
import { shared } from './shared-answers.ts';

const invalid = problems('Not valid. `errors` names every fault at once.', {
  invalid: sendersProblem('invalid', 'The body is not valid; `errors` names every fault.', [
    { path: 'external_chat_id', message: 'is required' },
    { path: 'profile_id', message: 'is not a field of telegram, whose own is bot_token' },
    { path: 'text', message: 'is required where there is no media' },
  ]),
});

const unknownTenant = problems(
  'No tenant has this credential. The message waits in the dead-letter queue, and is taken in again once the tenant is there.',
  {
    unknown_tenant: sendersProblem(
      'unknown_tenant',
      'No tenant has this credential. The message is parked in the dead-letter queue.',
    ),
  },
);

const busy = problems(
  '`unavailable`: nothing was accepted, as far as the service can know. `not_yet`: queued, and will be resolved all the same. Either may be sent again; it counts once.',
  {
    unavailable: sendersProblem('unavailable', 'The backlog is over its limit.'),
    not_yet: sendersProblem(
      'not_yet',
      'The message is queued and will be resolved. Sent again, it counts once.',
    ),
  },
  ['Retry-After'],
);

export const resolvePath: PathItem = {
  post: {
    operationId: 'resolve',
    summary: 'Take in a batch of messages from one chat',
    description: [
      'Finds the tenant, the client and the dialog, and answers once that is committed; Core gets the message after those that the dialog had before. A repeat (the same channel account, chat and set of message ids) gets the first answer, byte for byte.',
      CREDENTIAL_RULES,
    ].join('\n\n'),
    tags: ['Messages'],
    security: SENDERS,
    parameters: [
      {
        name: 'Prefer',
        in: 'header',
        description:
          'RFC 7240. `respond-async`: 202 at once; with `wait=<seconds>`, a 200 within that time and a 202 after it.',
        schema: { type: 'string' },
        example: 'respond-async, wait=5',
      },
      {
        name: 'traceparent',
        in: 'header',
        description: 'W3C Trace Context, carried on to Core.',
        schema: { type: 'string' },
        example: TRACEPARENT,
      },
    ],
    requestBody: jsonBody(refTo('schemas', 'Message'), messages, true),
    responses: {
      200: json('Resolved and committed.', 'Accepted', { resolved: accepted, repeated: accepted }, [
        'Idempotent-Replayed',
      ]),
      202: json(
        'Queued, not resolved yet; only where `Prefer: respond-async` asked for it.',
        'Queued',
        { queued },
        ['Location', 'Preference-Applied'],
      ),
      400: invalid,
      401: shared('NoApiKey'),
      403: problems('The tenant or its channel account is switched off.', {
        tenant_disabled: sendersProblem('tenant_disabled', 'Tenant disabled'),
      }),
      404: unknownTenant,
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
        {
          too_many_requests: sendersProblem('too_many_requests', 'At most 1 requests per second.'),
        },
        ['Retry-After'],
      ),
      500: shared('Internal'),
      503: busy,
    },
  },
};
