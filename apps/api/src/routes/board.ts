import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Guard } from '../keys.ts';
import type { BoardQueue } from '../open-board.ts';
import { notFound } from '../problem-error.ts';

const PATH = '/admin/queues';
/** What a browser needs of the board's answer; the rest of its headers is between us and the sender. */
const PASSED_ON = ['content-type', 'cache-control', 'etag', 'last-modified'];

export interface BoardDeps {
  guard: Guard;
  queues: BoardQueue[];
}

/** The board at /admin/queues. It is loaded when somebody looks: it costs a sixth of the start. */
export function boardRoutes(app: FastifyInstance, { guard, queues }: BoardDeps): void {
  let board: Promise<FastifyInstance> | undefined;
  const load = async () => (await import('../open-board.ts')).openBoard(PATH, queues);

  async function show(request: FastifyRequest, reply: FastifyReply) {
    board ??= load();
    const { url, headers } = request;
    const answer = await (await board).inject({ url, headers });
    if (answer.statusCode === 404) throw notFound('There is no such path.');
    for (const name of PASSED_ON) reply.header(name, answer.headers[name]);
    return reply.code(answer.statusCode).send(answer.rawPayload);
  }

  for (const path of [PATH, `${PATH}/*`]) app.get(path, { onRequest: guard }, show);
  app.addHook('onClose', async () => (await board)?.close());
}
