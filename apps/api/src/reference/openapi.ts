import { corePayload, incomingFields } from '@contour/contract';
import * as answers from './answers.ts';
import { coreWebhook } from './core-webhook.ts';
import { dlqEntryPath, dlqPath, replayOnePath, replayPath } from './dlq-paths.ts';
import { type JsonSchema, namedJsonSchemas } from './json-schema.ts';
import { messagePath, messagesPath } from './message-paths.ts';
import { messageSchema } from './message-schema.ts';
import type { PathItem } from './parts.ts';
import {
  docsPath,
  healthPath,
  livezPath,
  metricsPath,
  openapiPath,
  readyzPath,
} from './process-paths.ts';
import { resolvePath } from './resolve-path.ts';
import { SHARED_ANSWERS } from './shared-answers.ts';

function schemas(): Record<string, JsonSchema> {
  const { Message = {}, ...others } = namedJsonSchemas({
    Message: incomingFields,
    Accepted: answers.accepted,
    Queued: answers.queued,
    Problem: answers.problem,
    MessageStatus: answers.messageStatus,
    MessageList: answers.messageList,
    DlqEntry: answers.dlqItem,
    DlqPage: answers.dlqPage,
    Replayed: answers.replayed,
    Cleared: answers.cleared,
    Health: answers.health,
    Readiness: answers.readiness,
    Liveness: answers.liveness,
    CorePayload: corePayload,
  });
  return { Message: messageSchema(Message), ...others };
}

const header = (description: string, schema: object = { type: 'string' }) => ({
  description,
  schema,
});

const HEADERS = {
  'Idempotent-Replayed': header('Only on a repeat.', { type: 'string', const: 'true' }),
  Location: header('Where the message can be asked for.'),
  'Preference-Applied': header('`respond-async`'),
  'Retry-After': header('Seconds.', { type: 'string', pattern: '^[0-9]+$' }),
  'WWW-Authenticate': header('`Bearer`'),
  ETag: header('Changes when the reference does.'),
};

const bearer = (description: string) => ({ type: 'http', scheme: 'bearer', description });

const SECURITY = {
  apiKey: bearer("A sender's key: one of API_KEYS."),
  adminKey: bearer("An operator's key: one of ADMIN_KEYS. It opens what an API key opens, too."),
};

const TAGS = [
  { name: 'Messages', description: 'For whoever sends: take a message in, and ask for it.' },
  {
    name: 'Operating',
    description: 'For whoever runs it: find, replay and clear what could not go on.',
  },
  { name: 'Supervision', description: 'For supervisors, load balancers and Prometheus.' },
  { name: 'Reference', description: 'What you are reading.' },
  { name: 'Core', description: 'What Contour sends.' },
];

const DESCRIPTION = `Contour stands between chat channels and an AI core. \`POST /resolve\` takes a batch of messages
from one chat; Core gets it enriched, in the order of its dialog, under one Idempotency-Key.

Every no is a problem document (RFC 9457) with a \`code\`. A 503 may be sent again, and counts once. A method that a
path does not know is a 405 with \`Allow\`; a path that is not there is a 404. Where no keys are set (never in
production) everything is open. Bull Board stands at \`/admin/queues\` for a browser.`;

const PATHS: Record<string, PathItem> = {
  '/resolve': resolvePath,
  '/messages/{id}': messagePath,
  '/messages': messagesPath,
  '/dlq': dlqPath,
  '/dlq/{id}': dlqEntryPath,
  '/dlq/{id}/replay': replayOnePath,
  '/dlq/replay': replayPath,
  '/health': healthPath,
  '/livez': livezPath,
  '/readyz': readyzPath,
  '/metrics': metricsPath,
  '/openapi.json': openapiPath,
  '/docs': docsPath,
};

/** The reference as one OpenAPI 3.1 document, made from the schemas that validate. */
export function openapi(): object {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Contour',
      version: '0.1.0',
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: TAGS,
    paths: PATHS,
    webhooks: { core: coreWebhook },
    components: {
      schemas: schemas(),
      responses: SHARED_ANSWERS,
      headers: HEADERS,
      securitySchemes: SECURITY,
    },
  };
}
