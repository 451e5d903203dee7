import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { dlqJob, resolveJob } from '@contour/contract';
import Fastify, { type FastifyInstance } from 'fastify';
import { z } from 'zod';

export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

const OUR_SHAPES = [resolveJob, dlqJob, z.strictObject({ shard: z.int() })];
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

/** Bull Board as a server that listens nowhere, so that its parsers and handlers stay its own. */
export function openBoard(path: string, queues: readonly BoardQueue[]): FastifyInstance {
  const adapter = new FastifyAdapter().setBasePath(path);
  createBullBoard({
    queues: queues.map(readOnlyView),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Contour' } },
  });
  adapter.setErrorHandler(() => ({
    status: 500,
    body: { error: 'The queues cannot be read now' },
  }));
  const board = Fastify();
  board.register(adapter.registerPlugin(), { prefix: path });
  return board;
}
