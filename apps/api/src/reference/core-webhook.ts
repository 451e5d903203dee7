import { corePayload, TRACEPARENT } from './examples.ts';
import { refTo } from './json-schema.ts';
import { jsonBody } from './parts.ts';

const header = (name: string, description: string, example: string, required = false) => ({
  name,
  in: 'header',
  required,
  description,
  schema: { type: 'string' },
  example,
});

/** What the worker sends to Core, and what it makes of the answer. */
export const coreWebhook = {
  post: {
    operationId: 'deliverToCore',
    summary: 'POST $CORE_URL: an enriched message for Core',
    description:
      "One dialog's messages come one after the other, in the order of `seq`. A message sent again has the same bytes and the same Idempotency-Key.",
    tags: ['Core'],
    security: [],
    parameters: [
      header('Idempotency-Key', 'The message_id.', corePayload.message_id, true),
      header('X-Trace-Id', "The sender's trace_id.", corePayload.trace_id, true),
      header(
        'traceparent',
        'W3C Trace Context, where the sender sent one or tracing is on.',
        TRACEPARENT,
      ),
      header(
        'webhook-id',
        'Standard Webhooks, with CORE_SECRET set: the message_id.',
        corePayload.message_id,
      ),
      header('webhook-timestamp', 'Seconds since 1970 at this attempt.', '1733824816'),
      header(
        'webhook-signature',
        '`v1,` and the base64 HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`.',
        'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
      ),
    ],
    requestBody: jsonBody(refTo('schemas', 'CorePayload'), { telegram: corePayload }, true),
    responses: {
      '2XX': { description: 'Core has it. The body is not looked at.' },
      '3XX': {
        description:
          'Redirects are not followed. It is about the way to Core, like 401, 403, 405 and 407: the message waits and loses no attempt. It is final only if Core accepts another message and then answers so again.',
      },
      '4XX': {
        description:
          '404, 408, 425 and 429 are tried again, `Retry-After` obeyed. 401, 403, 405 and 407 are about the way to Core, see 3XX. Any other is final: the message goes to the dead-letter queue and the next of the dialog comes.',
      },
      '5XX': {
        description:
          'Tried again with growing pauses, like a time-out and a broken connection, DELIVER_ATTEMPTS times in all; later messages of the dialog wait.',
      },
    },
  },
};
