import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { dlqEntry, resolveJob } from '@contour/contract';
import type { FastifyError, FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Guard } from '../keys.ts';

const PATH = '/admin/queues';

type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export interface BoardDeps {
  guard: Guard;
  queues: BoardQueue[];
}

const OUR_SHAPES = [resolveJob, dlqEntry, z.strictObject({ shard: z.int() })];
const HARMLESS = ['channel', 'account_fingerprint', 'external_chat_id', 'message_ids', 'trace_id'];

/** The data of a job as it may be seen: what a direct producer put there may hold a credential anywhere. */
function visibleData(data: unknown): unknown {
  const ours = OUR_SHAPES.map((shape) => shape.safeParse(data)).find(({ success }) => success);
  if (ours !== undefined) return ours.data;
  if (typeof data !== 'object' || data === null) return null;
  return Object.fromEntries(Object.entries(data).filter(([field]) => HARMLESS.includes(field)));
}

function readOnlyView(queue: BoardQueue): BullMQAdapter {
  // Retrying or removing a job by hand would go past the ledger: the endpoints for that are /dlq.
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true });
  adapter.setFormatter('data', visibleData);
  return adapter;
}

/** Bull Board, to look at; in a scope of its own, so that its parsers and handlers stay there. */
export function boardRoutes(app: FastifyInstance, { guard, queues }: BoardDeps): void {
  const server = new FastifyAdapter().setBasePath(PATH);
  createBullBoard({
    queues: queues.map(readOnlyView),
    serverAdapter: server,
    options: { uiConfig: { boardTitle: 'Contour' } },
  });
  server.setErrorHandler(() => ({ status: 500, body: { error: 'The queues cannot be read now' } }));
  app.register(async (scope) => {
    // Answered right here: what is thrown in this scope ends in the board's own error handler.
    scope.addHook('onRequest', async (request, reply) => {
      try {
        await guard(request);
      } catch (error) {
        scope.errorHandler(error as FastifyError, request, reply);
        return reply;
      }
    });
    scope.register(server.registerPlugin(), { prefix: PATH });
  });
}
