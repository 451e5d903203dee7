import { type DlqEntry, dlqEntryBody } from '@contour/contract';
import {
  type Guard,
  type HttpApp,
  type HttpReply,
  invalid,
  notFound,
  parseOrRefuse,
} from '@contour/http';
import { dlqFilterOf, findEntry } from '@contour/operations';
import type { Replay } from '@contour/queue/dlq';
import type { DeadLetters, DlqFilter } from '@contour/store/dead-letters';
import {
  clearFilter,
  listQuery,
  dlqOperations as operations,
  replayBody,
} from '../reference/dlq.ts';

export interface DlqDeps {
  guard: Guard;
  dlq: Pick<DeadLetters, 'get' | 'list' | 'matching'> & {
    /** Removes what matches and had arrived before the call. */
    clear(filter: DlqFilter): Promise<number>;
  };
  replay: Replay;
}

/** As text: numbers in a message must not pass through a JSON value once more. */
function sendJsonText(reply: HttpReply, text: string): HttpReply {
  return reply.type('application/json; charset=utf-8').serializer(String).send(text);
}

const isEmpty = (value: unknown) =>
  value === undefined ||
  (typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length === 0);

/** The filter of DELETE /dlq. Only a request with neither a query nor a body clears everything. */
export function toClear(request: { url: string; query: unknown; body: unknown }): DlqFilter {
  const { url, query, body } = request;
  if (body === undefined && !url.includes('?')) return {};
  if (!isEmpty(query) && !isEmpty(body)) {
    const message = 'the filter must be in the query or in the body, not in both';
    throw invalid([{ path: '', message }]);
  }
  return dlqFilterOf(parseOrRefuse(clearFilter, isEmpty(body) ? query : body));
}

/** The dead-letter queue for operators: list, replay, clear. */
export function dlqRoutes(app: HttpApp, { guard, dlq, replay }: DlqDeps): void {
  const onRequest = guard;

  async function entryOf(id: string): Promise<DlqEntry> {
    const entry = await findEntry(dlq, id);
    if (entry === null) throw notFound('The dead-letter queue has no entry with this id.');
    return entry;
  }

  app.get('/dlq', { onRequest, ...operations.list }, async (request, reply) => {
    const { limit, cursor, ...fields } = parseOrRefuse(listQuery, request.query);
    const page = { limit, ...(cursor === undefined ? {} : { cursor }) };
    const { count, items, next } = await dlq.list(dlqFilterOf(fields), page);
    const bodies = items.map(dlqEntryBody).join(',');
    return sendJsonText(
      reply,
      `{"count":${count},"items":[${bodies}],"next":${JSON.stringify(next)}}`,
    );
  });

  app.delete('/dlq', { onRequest, ...operations.clear }, async (request) => ({
    cleared: true,
    count: await dlq.clear(toClear(request)),
  }));

  app.post('/dlq/replay', { onRequest, ...operations.replay }, async (request) => {
    const { limit, dry_run: isDryRun, ...fields } = parseOrRefuse(replayBody, request.body ?? {});
    const atMost = limit ?? Number.MAX_SAFE_INTEGER;
    if (!isDryRun) return replay(dlq.matching(dlqFilterOf(fields), atMost));
    const { count } = await dlq.list(dlqFilterOf(fields), { limit: 1 });
    return { matched: Math.min(count, atMost), replayed: 0 };
  });

  app.get<{ Params: { id: string } }>(
    '/dlq/:id',
    { onRequest, ...operations.get },
    async (request, reply) => sendJsonText(reply, dlqEntryBody(await entryOf(request.params.id))),
  );

  app.post<{ Params: { id: string } }>(
    '/dlq/:id/replay',
    { onRequest, ...operations.replayOne },
    async (request) => replay([[await entryOf(request.params.id)]]),
  );
}
