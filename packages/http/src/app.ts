import type { AddressInfo } from 'node:net';
import { uuidv7 } from '@contour/contract';
import { EnvError, type Logger } from '@contour/runtime';
import Fastify, { type FastifyInstance } from 'fastify';
import { drainOnClose } from './drain.ts';
import {
  createErrorHandler,
  createSocketRefusal,
  notFound,
  ProblemError,
  type ProblemTable,
} from './problems.ts';
import { takeJsonBodies } from './read-request.ts';
import { logRequests } from './request-log.ts';

const BODY_LIMIT = 256 * 1024;
const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 20_000;
// Longer than a load balancer keeps an idle connection: the load balancer must be the one to close it.
const KEEP_ALIVE_MS = 72_000;

export interface HttpAppOptions {
  logger: Pick<Logger, 'debug' | 'info' | 'error'>;
  problems: ProblemTable;
  /** True after the signal to stop. */
  isLeaving: () => boolean;
}

/** A service without routes: limits, JSON bodies, problems, log lines and drain. It does not listen yet. */
export function createHttpApp({ logger, problems, isLeaving }: HttpAppOptions): FastifyInstance {
  const handleError = createErrorHandler({ logger, problems });
  const app = Fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_WITHIN_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    genReqId: () => uuidv7(),
    // As long as a request line may be: an unknown id is a 404, however long it is.
    routerOptions: { maxParamLength: 16 * 1024 },
    trustProxy: false,
    // Fastify's own refusal is not a problem document. drainOnClose sends one.
    return503OnClosing: false,
    clientErrorHandler: createSocketRefusal(problems),
    frameworkErrors: (error, request, reply) => void handleError(error, request, reply),
  });
  app.server.headersTimeout = HEADERS_WITHIN_MS;
  app.setErrorHandler(handleError);
  logRequests(app, logger);
  drainOnClose(app, isLeaving);
  takeJsonBodies(app);
  answerUnknownRoutes(app);
  return app;
}

interface KnownPath {
  pattern: RegExp;
  methods: Set<string>;
}

/** A path that exists under other methods is a 405, or the answer to OPTIONS. Every other path is a 404. */
function answerUnknownRoutes(app: FastifyInstance): void {
  const paths = new Map<string, KnownPath>();

  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return;
    const pattern = new RegExp(`^${url.replace(/:[^/]+/g, '[^/]+')}$`);
    const known = paths.get(url) ?? { pattern, methods: new Set<string>() };
    for (const name of [method].flat()) known.methods.add(name.toUpperCase());
    paths.set(url, known);
  });

  function methodsOf(url: string): string[] {
    const path = url.split('?', 1)[0] ?? '';
    const methods = [...paths.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((known) => [...known.methods]);
    return [...new Set(methods)];
  }

  app.setNotFoundHandler(async (request, reply) => {
    const methods = methodsOf(request.url);
    if (methods.length === 0) throw notFound('There is no such path.');
    const headers = { allow: methods.join(', ') };
    if (request.method === 'OPTIONS') return reply.code(204).headers(headers).send();
    throw new ProblemError('method_not_allowed', {
      detail: `Method not allowed. Allowed: ${methods.join(', ')}.`,
      headers,
    });
  });
}

/** Listens and returns the port. A port that is in use is reported as a wrong setting. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new EnvError(`PORT  ${port} is in use on ${host}`, { cause: error });
  }
  return (app.server.address() as AddressInfo).port;
}
