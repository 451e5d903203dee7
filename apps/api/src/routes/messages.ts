import { isUuid } from '@contour/contract';
import {
  documented,
  type Guards,
  type HttpApp,
  json,
  named,
  notesOf,
  notFound,
  OPERATORS,
  parseOrRefuse,
  problems,
  SENDERS,
  shared,
} from '@contour/http';
import { type Found, locateMessage, locateTrace, type Places } from '@contour/operations';
import type { QueuedNote } from '@contour/queue/jobs';
import { z } from 'zod';
import { messageStates, problem, refused } from '../reference/examples.ts';

export interface MessageDeps {
  guards: Pick<Guards, 'api' | 'admin'>;
  messages: Places;
}

const time = z.iso.datetime();

const messageStatus = named(
  'MessageStatus',
  z
    .object({
      message_id: z.uuid(),
      trace_id: z.string(),
      state: z
        .enum(['queued', 'pending', 'delivered', 'dead', 'parked'])
        .describe(
          'queued: in Redis, not resolved yet. pending: resolved, on its way to Core. delivered: Core has it. dead: Core refused it, or did not accept it in all its attempts. parked: in the dead-letter queue and nowhere else.',
        ),
      tenant_id: z.uuid().nullable(),
      client_id: z.uuid().nullable(),
      dialog_id: z.uuid().nullable(),
      seq: z.int().min(1).nullable().describe('Its number within the dialog, without gaps'),
      matched_by: z
        .enum(['identity', 'phone', 'created'])
        .nullable()
        .describe('How the client was found'),
      is_new_client: z.boolean().nullable(),
      is_new_dialog: z.boolean().nullable(),
      attempts: z.int().min(0).describe('Attempts to deliver it'),
      last_error: z.string().nullable(),
      received_at: time,
      resolved_at: time.nullable(),
      delivered_at: time.nullable(),
      failed_attempts: z.array(z.object({ at: time, code: z.string(), ms: z.number() })),
    })
    .describe('Where a message is and how it got there; never its text.'),
);
const messageList = named('MessageList', z.object({ items: z.array(messageStatus) }));

type MessageStatus = z.infer<typeof messageStatus>;

const UNRESOLVED = {
  tenant_id: null,
  client_id: null,
  dialog_id: null,
  seq: null,
  matched_by: null,
  is_new_client: null,
  is_new_dialog: null,
  attempts: 0,
  last_error: null,
  resolved_at: null,
  delivered_at: null,
  failed_attempts: [],
};

function statusOf(found: Found): MessageStatus {
  if ('note' in found) return statusOfQueued(found.note);
  if ('parked' in found) {
    const { message, receivedAt, ...entry } = found.parked;
    return {
      ...statusOfQueued({ ...message, receivedAt }),
      state: 'parked',
      tenant_id: entry.tenantId,
      client_id: entry.clientId,
      dialog_id: entry.dialogId,
      attempts: entry.attempts,
      last_error: entry.error.code,
    };
  }
  const { story } = found;
  return {
    message_id: story.messageId,
    trace_id: story.traceId,
    state: story.state,
    tenant_id: story.tenantId,
    client_id: story.clientId,
    dialog_id: story.dialogId,
    seq: story.seq,
    matched_by: story.matchedBy,
    is_new_client: story.isNewClient,
    is_new_dialog: story.isNewDialog,
    attempts: story.attempts,
    last_error: story.lastError,
    received_at: story.receivedAt,
    resolved_at: story.resolvedAt,
    delivered_at: story.deliveredAt,
    failed_attempts: story.failedAttempts,
  };
}

const statusOfQueued = ({ messageId, traceId, receivedAt }: QueuedNote): MessageStatus => ({
  message_id: messageId,
  trace_id: traceId,
  state: 'queued',
  ...UNRESOLVED,
  received_at: receivedAt,
});

const traceQuery = z.strictObject({
  trace_id: z
    .string({
      error: (issue) => (issue.input === undefined ? 'is required' : 'must be given once'),
    })
    .regex(/^[\x21-\x7e]{1,128}$/, { error: 'must have 1 to 128 visible ASCII characters' })
    .meta({ example: messageStates.delivered.trace_id }),
});

const messageOperation = documented({
  operationId: 'getMessage',
  summary: 'A message: where it is, and how it got there',
  tags: ['Messages'],
  security: SENDERS,
  parameters: [
    {
      name: 'id',
      in: 'path',
      required: true,
      description: 'The message_id of an answer. A message that was parked has one, too.',
      schema: { type: 'string', format: 'uuid' },
    },
  ],
  responses: {
    200: json('The receipt.', messageStatus, messageStates),
    401: shared('NoApiKey'),
    404: problems('No such message is known.', {
      not_found: problem('not_found', 'No message with this id is known.'),
    }),
    500: shared('Internal'),
    503: shared('Unavailable'),
  },
});

const messagesOperation = documented({
  operationId: 'findMessages',
  summary: 'The messages of a trace',
  tags: ['Operating'],
  security: OPERATORS,
  query: traceQuery,
  responses: {
    200: json('All of them. The list may be empty.', messageList, {
      found: { items: [messageStates.delivered] },
      none: { items: [] },
    }),
    400: refused('No trace id, or one that is not valid.', 'trace_id', 'is required'),
    401: shared('NoAdminKey'),
    500: shared('Internal'),
    503: shared('Unavailable'),
  },
});

/** GET /messages/:id for senders, GET /messages?trace_id= for operators. */
export function messageRoutes(app: HttpApp, deps: MessageDeps): void {
  app.get<{ Params: { id: string } }>(
    '/messages/:id',
    { onRequest: deps.guards.api, ...messageOperation },
    async (request) => {
      const id = request.params.id.toLowerCase();
      const found = isUuid(id) ? await locateMessage(deps.messages, id) : undefined;
      if (found === undefined) throw notFound('No message with this id is known.');
      const status = statusOf(found);
      Object.assign(notesOf(request), { traceId: status.trace_id, logged: { message_id: id } });
      return status;
    },
  );

  app.get('/messages', { onRequest: deps.guards.admin, ...messagesOperation }, async (request) => {
    const { trace_id: traceId } = parseOrRefuse(traceQuery, request.query);
    return { items: (await locateTrace(deps.messages, traceId)).map(statusOf) };
  });
}
