import { PROBLEMS } from '@contour/contract';
import { header, type ReferenceOptions } from '@contour/http';
import { coreWebhook } from './core-webhook.ts';
import { withRules } from './resolve.ts';

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
