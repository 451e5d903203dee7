import { parseTraceparent } from '@contour/contract';
import type { Logger, Span, Tracer } from '@contour/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** What becomes known about a request while it is handled, for its answer and its log line. */
interface RequestNotes {
  traceId?: string;
  /** The code of the problem that it was answered with. */
  code?: string;
  /** The name of its key, or its address. */
  caller?: string;
  /** Further fields of its log line: ids, never contents. */
  logged?: Record<string, unknown>;
}

const notes = new WeakMap<FastifyRequest, RequestNotes>();

export function notesOf(request: FastifyRequest): RequestNotes {
  const known = notes.get(request);
  if (known !== undefined) return known;
  const fresh: RequestNotes = {};
  notes.set(request, fresh);
  return fresh;
}

/** The sender's trace id, or else the request's own: every answer can be found in the log by it. */
export function traceIdOf(request: FastifyRequest): string {
  return notesOf(request).traceId ?? request.id;
}

const TRACE_ID = /^[\x21-\x7e]{1,128}$/;

/** Reads the trace id of a body that may be wrong in every other respect. */
export function noteTraceId(request: FastifyRequest): void {
  const body = request.body;
  if (typeof body !== 'object' || body === null || !('trace_id' in body)) return;
  const { trace_id: traceId } = body;
  if (typeof traceId === 'string' && TRACE_ID.test(traceId)) notesOf(request).traceId = traceId;
}

/** Supervisors request these every few seconds. Their successes are logged at `debug`. */
const PROBE_ROUTES = new Set(['/livez', '/readyz', '/health', '/metrics']);

const isQuiet = (route: string | undefined, status: number) =>
  route !== undefined && PROBE_ROUTES.has(route) && status < 400;

function lineOf(request: FastifyRequest, reply: FastifyReply): object {
  const { code, caller, logged } = notesOf(request);
  return {
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: reply.statusCode,
    code,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    caller,
    trace_id: traceIdOf(request),
    ...logged,
  };
}

/** Logs one wide line per request: ids and outcomes, never a body, a header or a query string. */
export function logRequests(app: FastifyInstance, logger: Pick<Logger, 'info' | 'debug'>): void {
  app.addHook('onResponse', async (request, reply) => {
    const level = isQuiet(request.routeOptions.url, reply.statusCode) ? 'debug' : 'info';
    logger[level](lineOf(request, reply), 'request.completed');
  });
  // Fastify does not call the hook above for a client that hung up before its answer.
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

interface Beginning {
  /** The parent of the span, where the request has no `traceparent` header. */
  parent: string | undefined;
  /** Gives the trace its id, if the span begins one. */
  root: string;
  attributes: Record<string, string>;
}

/** One server span per request of a route. Without a tracer `begin` only finds the sender's `traceparent`. */
export function createRequestTrace(
  tracer: Tracer | undefined,
  { method, url }: { method: string; url: string },
) {
  const begun = new WeakMap<FastifyRequest, { span: Span; attributes: Record<string, string> }>();

  const startSpan = (reply: FastifyReply, parent: string | undefined, root?: string) =>
    tracer?.start({
      name: `${method} ${url}`,
      kind: 'server',
      parent,
      root,
      startedAtMs: Date.now() - reply.elapsedTime,
    });

  const parentOf = ({ headers }: FastifyRequest) => parseTraceparent(headers.traceparent);

  function end(request: FastifyRequest, reply: FastifyReply): void {
    const known = begun.get(request);
    // A request that was refused before `begin` has no span yet.
    const span = known?.span ?? startSpan(reply, parentOf(request));
    // Without an answer the sender has hung up; its message goes on.
    const status = reply.raw.headersSent ? reply.statusCode : undefined;
    const outcome = status === undefined ? 'hung_up' : (notesOf(request).code ?? 'accepted');
    span?.end(
      {
        ...known?.attributes,
        'contour.trace_id': traceIdOf(request),
        'contour.outcome': outcome,
        'http.request.method': method,
        'http.route': url,
        'http.response.status_code': status,
      },
      status !== undefined && status < 500 ? undefined : outcome,
    );
  }

  const endWithRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    reply.raw.once('close', () => end(request, reply));
  };
  return {
    /** Hooks of the route. They end the span with the request. */
    preHandlers: tracer === undefined ? [] : [endWithRequest],
    /** Starts the span, and returns the `traceparent` for what comes next. */
    begin(request: FastifyRequest, reply: FastifyReply, beginning: Beginning): string | undefined {
      const parent = parentOf(request) ?? beginning.parent;
      const span = startSpan(reply, parent, beginning.root);
      if (span === undefined) return parent;
      begun.set(request, { span, attributes: beginning.attributes });
      return span.traceparent;
    },
  };
}
