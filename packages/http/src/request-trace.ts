import { parseTraceparent } from '@contour/contract';
import type { Span, Tracer } from '@contour/runtime';
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify';
import { notesOf, traceIdOf } from './request-log.ts';

type Attributes = Record<string, string>;

interface Beginning {
  /** The parent of the span, where the request has no `traceparent` header. */
  parent: string | undefined;
  /** Gives the trace its id, if the span begins one. */
  root: string;
  attributes: Attributes;
}

export interface RequestTrace {
  /** Hooks of the route. They end the span with the request. */
  preHandlers: preHandlerAsyncHookHandler[];
  /** Starts the span, and returns the `traceparent` for what comes next. */
  begin(request: FastifyRequest, reply: FastifyReply, beginning: Beginning): string | undefined;
}

/** One server span per request of a route. Without a tracer `begin` only finds the sender's `traceparent`. */
export function createRequestTrace(
  tracer: Tracer | undefined,
  { method, url }: { method: string; url: string },
): RequestTrace {
  const begun = new WeakMap<FastifyRequest, { span: Span; attributes: Attributes }>();

  const parentOf = ({ headers }: FastifyRequest) => parseTraceparent(headers.traceparent);

  function start(
    from: Tracer,
    reply: FastifyReply,
    context: { parent: string | undefined; root?: string },
  ): Span {
    const startedAtMs = Date.now() - reply.elapsedTime;
    return from.start({ name: `${method} ${url}`, kind: 'server', ...context, startedAtMs });
  }

  function end(from: Tracer, request: FastifyRequest, reply: FastifyReply): void {
    const known = begun.get(request);
    // A request that was refused before `begin` has no span yet.
    const span = known?.span ?? start(from, reply, { parent: parentOf(request) });
    // Without an answer the sender has hung up; its message goes on.
    const status = reply.raw.headersSent ? reply.statusCode : undefined;
    const outcome = status === undefined ? 'hung_up' : (notesOf(request).code ?? 'accepted');
    span.end(
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

  return {
    preHandlers:
      tracer === undefined
        ? []
        : [
            async (request, reply) => {
              reply.raw.once('close', () => end(tracer, request, reply));
            },
          ],
    begin(request, reply, { parent: ownParent, root, attributes }) {
      const parent = parentOf(request) ?? ownParent;
      if (tracer === undefined) return parent;
      const span = start(tracer, reply, { parent, root });
      begun.set(request, { span, attributes });
      return span.traceparent;
    },
  };
}
