import { type DlqEntry, isUuid } from '@contour/contract';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Guards } from '../keys.ts';
import {
  type LedgerStory,
  type MessageStatus,
  type QueuedNote,
  statusOfParked,
  statusOfQueued,
  statusOfStory,
} from '../message-status.ts';
import { parseOrRefuse } from '../parse-or-refuse.ts';
import { notFound } from '../problem-error.ts';
import { notesOf } from '../request-notes.ts';

export interface MessageRouteDeps {
  guards: Pick<Guards, 'api' | 'admin'>;
  findStory(messageId: string): Promise<LedgerStory | null>;
  findStoriesByTrace(traceId: string): Promise<LedgerStory[]>;
  dlq: {
    get(id: string): Promise<DlqEntry | null>;
    byTrace(traceId: string): Promise<DlqEntry[]>;
  };
  findQueued(messageId: string): Promise<QueuedNote | null>;
}

const traceQuery = z.strictObject({
  trace_id: z
    .string({
      error: (issue) => (issue.input === undefined ? 'is required' : 'must be given once'),
    })
    .regex(/^[\x21-\x7e]{1,128}$/, { error: 'must have 1 to 128 visible ASCII characters' }),
});

const parkedStatus = (entry: DlqEntry | null) =>
  entry?.message ? statusOfParked(entry, entry.message) : undefined;

/** Where a message is: the ledger knows best, then the dead-letter queue, then what was queued. */
async function findStatus(deps: MessageRouteDeps, id: string): Promise<MessageStatus | undefined> {
  const story = await deps.findStory(id);
  if (story !== null) return statusOfStory(story);
  const parked = parkedStatus(await deps.dlq.get(id));
  if (parked !== undefined) return parked;
  const queued = await deps.findQueued(id);
  return queued === null ? undefined : statusOfQueued(queued);
}

async function findTrace(deps: MessageRouteDeps, traceId: string): Promise<MessageStatus[]> {
  const [stories, entries] = await Promise.all([
    deps.findStoriesByTrace(traceId),
    deps.dlq.byTrace(traceId),
  ]);
  const told = stories.map(statusOfStory);
  const known = new Set(told.map((status) => status.message_id));
  const parked = entries.flatMap((entry) => parkedStatus(entry) ?? []);
  return [...told, ...parked.filter((status) => !known.has(status.message_id))];
}

/** GET /messages/:id for senders, GET /messages?trace_id= for operators. */
export function messageRoutes(app: FastifyInstance, deps: MessageRouteDeps): void {
  app.get<{ Params: { id: string } }>(
    '/messages/:id',
    { onRequest: deps.guards.api },
    async (request) => {
      const id = request.params.id.toLowerCase();
      const status = isUuid(id) ? await findStatus(deps, id) : undefined;
      if (status === undefined) throw notFound('No message with this id is known.');
      Object.assign(notesOf(request), { traceId: status.trace_id, messageId: id });
      return status;
    },
  );

  app.get('/messages', { onRequest: deps.guards.admin }, async (request) => {
    const { trace_id: traceId } = parseOrRefuse(traceQuery, request.query);
    return { items: await findTrace(deps, traceId) };
  });
}
