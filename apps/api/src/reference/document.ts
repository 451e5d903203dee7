import { corePayload, PROBLEMS } from '@contour/contract';
import { header, jsonBody, named, type Operation, type ReferenceOptions } from '@contour/http';
import { corePayload as example, TRACEPARENT } from './examples.ts';
import { withRules } from './resolve.ts';

const inHeader = (name: string, description: string, value: string, required = false) => ({
  name,
  in: 'header',
  required,
  description,
  schema: { type: 'string' },
  example: value,
});

/** What the worker sends to Core, and what each answer means. */
const coreWebhook: Operation = {
  operationId: 'deliverToCore',
  summary: 'POST $CORE_URL: an enriched message for Core',
  description:
    'The messages of a dialog are sent one after the other, in the order of `seq`. A retry has the same bytes and the same Idempotency-Key.',
  tags: ['Core'],
  security: [],
  parameters: [
    inHeader('Idempotency-Key', 'The message_id.', example.message_id, true),
    inHeader('X-Trace-Id', "The sender's trace_id.", example.trace_id, true),
    inHeader(
      'traceparent',
      'W3C Trace Context, if the sender sent one or tracing is on.',
      TRACEPARENT,
    ),
    inHeader(
      'webhook-id',
      'Standard Webhooks, if CORE_SECRET is set: the message_id.',
      example.message_id,
    ),
    inHeader('webhook-timestamp', 'Seconds since 1970 at this attempt.', '1733824816'),
    inHeader(
      'webhook-signature',
      '`v1,` and the base64 HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`.',
      'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
    ),
  ],
  requestBody: jsonBody(named('CorePayload', corePayload), { telegram: example }, true),
  responses: {
    '2XX': { description: 'Core has it. The body is not read.' },
    '3XX': {
      description:
        'Redirects are not followed. Such a status is about the way to Core, like 401, 403, 405 and 407: the message waits and loses no attempt. It is final only if Core accepts another message and then gives the same answer again.',
    },
    '4XX': {
      description:
        '404, 408, 425 and 429 are retried, and `Retry-After` is obeyed. The first 404 or 429 of a message costs no attempt. 401, 403, 405 and 407 are about the way to Core, see 3XX. Any other status is final: the message goes to the dead-letter queue, and the next message of the dialog is sent.',
    },
    '5XX': {
      description:
        'Retried with growing delays, like a time-out and a broken connection, DELIVER_ATTEMPTS times in all. Later messages of the dialog wait.',
    },
  },
};

/** The parts of GET /openapi.json that belong to no route. The operations stand beside the routes. */
export const REFERENCE: ReferenceOptions = {
  info: {
    title: 'Contour',
    version: '0.1.0',
    description: `Contour stands between chat channels and an AI core. \`POST /resolve\` accepts a batch of messages
from one chat; Core gets it enriched, in the order of its dialog, under one Idempotency-Key.

Every refusal is a problem document (RFC 9457) with a \`code\`. After a 503 the same request may be sent again, and
counts once. A method that a path does not have is a 405 with \`Allow\`; a path that does not exist is a 404. Without
keys in the settings (never in production) everything is open. Bull Board is at \`/admin/queues\`, for a browser.`,
  },
  tags: [
    { name: 'Messages', description: 'For senders: send a message, and ask where it is.' },
    {
      name: 'Operating',
      description: 'For operators: find, replay and clear messages that could not go on.',
    },
    { name: 'Supervision', description: 'For supervisors, load balancers and Prometheus.' },
    { name: 'Reference', description: 'This reference.' },
    { name: 'Core', description: 'What Contour sends.' },
  ],
  problems: PROBLEMS,
  headers: {
    'Idempotent-Replayed': header('Only for a duplicate.', { type: 'string', const: 'true' }),
    Location: header('The path of the message.'),
    'Preference-Applied': header('`respond-async`'),
  },
  webhooks: { core: { post: coreWebhook } },
  refine: { Message: withRules },
};
