import type { Logger } from '@contour/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { notesOf, traceIdOf } from './request-notes.ts';

/** Asked every few seconds by supervisors: of interest to nobody while they go well. */
const PROBE_ROUTES = new Set(['/livez', '/readyz', '/health', '/metrics']);

const isQuiet = (route: string | undefined, status: number) =>
  route !== undefined && PROBE_ROUTES.has(route) && status < 400;

function lineOf(request: FastifyRequest, reply: FastifyReply): object {
  const { code, messageId, caller } = notesOf(request);
  return {
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: reply.statusCode,
    code,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    caller,
    trace_id: traceIdOf(request),
    message_id: messageId,
  };
}

/** One wide line per request: ids and outcomes, never a body, a header or a query string. */
export function logRequests(app: FastifyInstance, logger: Pick<Logger, 'info' | 'debug'>): void {
  app.addHook('onResponse', async (request, reply) => {
    const level = isQuiet(request.routeOptions.url, reply.statusCode) ? 'debug' : 'info';
    logger[level](lineOf(request, reply), 'request.completed');
  });
  // The hook above is silent where the sender hung up before there was an answer.
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.once('close', () => {
      if (reply.raw.headersSent) return;
      logger.info(
        { ...lineOf(request, reply), status: null, code: 'hung_up' },
        'request.completed',
      );
    });
  });
}
