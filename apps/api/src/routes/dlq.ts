import { type DlqEntry, dlqEntryBody, isUuid } from '@contour/contract';
import type { Replay } from '@contour/queue';
import type { DlqFilter } from '@contour/store';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { clearFilter, filterOf, listQuery, replayBody } from '../dlq-filter.ts';
import type { Guard } from '../keys.ts';
import { parseOrRefuse } from '../parse-or-refuse.ts';
import { notFound, ProblemError } from '../problem-error.ts';

export interface DlqRouteDeps {
  guard: Guard;
  dlq: {
    get(id: string): Promise<DlqEntry | null>;
    list(
      filter: DlqFilter,
      page: { limit: number; cursor?: string },
    ): Promise<{ count: number; items: DlqEntry[]; next: string | null }>;
    matching(filter: DlqFilter, limit: number): AsyncIterable<DlqEntry[]>;
    clear(filter: DlqFilter): Promise<number>;
  };
  replay: Replay;
}

/** As text, because numbers in a message must not go through a JSON value once more. */
function sendJsonText(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').serializer(String).send(text);
}

const isEmpty = (value: unknown) =>
  value === undefined || (typeof value === 'object' && value !== null && isKeyless(value));
const isKeyless = (value: object) => !Array.isArray(value) && Object.keys(value).length === 0;

/** A filter may stand in the query or in the body; in both it would be unclear which one counts. */
function oneFilterOf(query: unknown, body: unknown): unknown {
  if (isEmpty(body)) return query;
  if (isEmpty(query)) return body;
  throw new ProblemError('invalid', {
    detail: 'The filter must be in the query or in the body, not in both.',
    errors: [{ path: '', message: 'must be given once' }],
  });
}

/** The operator's view of what could not go on: look, send in again, clear. */
export function dlqRoutes(app: FastifyInstance, { guard, dlq, replay }: DlqRouteDeps): void {
  const guarded = { onRequest: guard };

  async function entryOf(id: string): Promise<DlqEntry> {
    const entry = isUuid(id) ? await dlq.get(id.toLowerCase()) : null;
    if (entry === null) throw notFound('The dead-letter queue has no entry with this id.');
    return entry;
  }

  app.get('/dlq', guarded, async (request, reply) => {
    const { limit, cursor, ...fields } = parseOrRefuse(listQuery, request.query);
    const page = { limit, ...(cursor === undefined ? {} : { cursor }) };
    const { count, items, next } = await dlq.list(filterOf(fields), page);
    const bodies = items.map(dlqEntryBody).join(',');
    return sendJsonText(
      reply,
      `{"count":${count},"items":[${bodies}],"next":${JSON.stringify(next)}}`,
    );
  });

  app.delete('/dlq', guarded, async (request) => {
    const fields = parseOrRefuse(clearFilter, oneFilterOf(request.query, request.body));
    return { cleared: true, count: await dlq.clear(filterOf(fields)) };
  });

  app.post('/dlq/replay', guarded, async (request) => {
    const { limit, dry_run: isDryRun, ...fields } = parseOrRefuse(replayBody, request.body ?? {});
    const atMost = limit ?? Number.MAX_SAFE_INTEGER;
    if (!isDryRun) return replay(dlq.matching(filterOf(fields), atMost));
    const { count } = await dlq.list(filterOf(fields), { limit: 1 });
    return { matched: Math.min(count, atMost), replayed: 0 };
  });

  app.get<{ Params: { id: string } }>('/dlq/:id', guarded, async (request, reply) =>
    sendJsonText(reply, dlqEntryBody(await entryOf(request.params.id))),
  );

  app.post<{ Params: { id: string } }>('/dlq/:id/replay', guarded, async (request) =>
    replay([[await entryOf(request.params.id)]]),
  );
}
