import { type DlqEntry, dlqEntryBody } from '@contour/contract';
import { type Guard, type HttpApp, type HttpReply, notFound, parseOrRefuse } from '@contour/http';
import { findEntry } from '@contour/operations';
import type { Replay } from '@contour/queue/dlq';
import type { DlqFilter } from '@contour/store/dead-letters';
import { dlqOperations as operations } from '../reference/dlq.ts';
import { filterOf, listQuery, replayBody, toClear } from './dlq-filter.ts';

export interface DlqDeps {
  guard: Guard;
  dlq: {
    get(id: string): Promise<DlqEntry | null>;
    list(
      filter: DlqFilter,
      page: { limit: number; cursor?: string },
    ): Promise<{ count: number; items: DlqEntry[]; next: string | null }>;
    matching(filter: DlqFilter, limit: number): AsyncIterable<DlqEntry[]>;
    /** Removes what matches and had arrived before the call. */
    clear(filter: DlqFilter): Promise<number>;
  };
  replay: Replay;
}

/** As text: numbers in a message must not pass through a JSON value once more. */
function sendJsonText(reply: HttpReply, text: string): HttpReply {
  return reply.type('application/json; charset=utf-8').serializer(String).send(text);
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
    const { count, items, next } = await dlq.list(filterOf(fields), page);
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
    if (!isDryRun) return replay(dlq.matching(filterOf(fields), atMost));
    const { count } = await dlq.list(filterOf(fields), { limit: 1 });
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
