import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { dlqJob, resolveJob } from '@contour/contract';
import { z } from 'zod';

export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

const OUR_SHAPES = [resolveJob, dlqJob, z.strictObject({ shard: z.int() })];
const HARMLESS = ['channel', 'account_fingerprint', 'external_chat_id', 'message_ids', 'trace_id'];

/** The data of a job as it may be shown: a direct producer may have put a credential into any field. */
function visibleData(data: unknown): unknown {
  const ours = OUR_SHAPES.map((shape) => shape.safeParse(data)).find(({ success }) => success);
  if (ours !== undefined) return ours.data;
  if (typeof data !== 'object' || data === null) return null;
  return Object.fromEntries(Object.entries(data).filter(([field]) => HARMLESS.includes(field)));
}

function readOnlyView(queue: BoardQueue): BullMQAdapter {
  // Retrying or removing a job here would bypass the ledger. The endpoints under /dlq do it.
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true });
  adapter.setFormatter('data', visibleData);
  return adapter;
}

/** Bull Board at `path`, as a Fastify plugin. Loading this module takes a sixth of the API's start. */
export function openBoard(path: string, queues: readonly BoardQueue[]) {
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
  return adapter.registerPlugin();
}
