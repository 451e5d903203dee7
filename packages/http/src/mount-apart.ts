import Fastify, {
  type FastifyInstance,
  type FastifyPluginCallback,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Guard } from './admission.ts';
import { notFound } from './problems.ts';

/** What a browser needs of an answer. Its other headers are about a connection that does not exist. */
const PASSED_ON = ['content-type', 'cache-control', 'etag', 'last-modified'];

interface Mount {
  path: string;
  guard: Guard;
  /** Called at the first request: a large page would slow down the start of the process. */
  load: () => Promise<FastifyPluginCallback>;
}

/** Serves the pages of a plugin by a server that does not listen, so that its parsers and handlers stay its own. */
export function mountApart(app: FastifyInstance, { path, guard, load }: Mount): void {
  let apart: Promise<FastifyInstance> | undefined;

  async function open(): Promise<FastifyInstance> {
    const server = Fastify();
    server.register(await load(), { prefix: path });
    return server;
  }

  async function show(request: FastifyRequest, reply: FastifyReply) {
    apart ??= open();
    const { url, headers } = request;
    const answer = await (await apart).inject({ url, headers });
    if (answer.statusCode === 404) throw notFound('There is no such path.');
    for (const name of PASSED_ON) reply.header(name, answer.headers[name]);
    return reply.code(answer.statusCode).send(answer.rawPayload);
  }

  for (const url of [path, `${path}/*`]) app.get(url, { onRequest: guard }, show);
  app.addHook('onClose', async () => (await apart)?.close());
}
