import { type IncomingMessage, parseTraceparent } from '@contour/contract';
import type { Span, Tracer } from '@contour/runtime';
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify';
import { notesOf, traceIdOf } from './request-notes.ts';

const begun = new WeakMap<FastifyRequest, { span: Span; message: IncomingMessage }>();

function start(
  tracer: Tracer,
  reply: FastifyReply,
  { parent, root }: { parent: string | undefined; root?: string },
): Span {
  const startedAtMs = Date.now() - reply.elapsedTime;
  return tracer.start({ name: 'POST /resolve', kind: 'server', parent, root, startedAtMs });
}

const sendersTraceparent = ({ headers }: FastifyRequest) => parseTraceparent(headers.traceparent);

function end(tracer: Tracer, request: FastifyRequest, reply: FastifyReply): void {
  const known = begun.get(request);
  // What was refused before it became a message has no span yet.
  const span = known?.span ?? start(tracer, reply, { parent: sendersTraceparent(request) });
  // Without an answer the sender has hung up; its message goes on.
  const status = reply.raw.headersSent ? reply.statusCode : undefined;
  const outcome = status === undefined ? 'hung_up' : (notesOf(request).code ?? 'accepted');
  span.end(
    {
      'contour.message_id': known?.message.messageId,
      'contour.trace_id': traceIdOf(request),
      'contour.channel': known?.message.channel,
      'contour.outcome': outcome,
      'http.request.method': 'POST',
      'http.route': '/resolve',
      'http.response.status_code': status,
    },
    status !== undefined && status < 500 ? undefined : outcome,
  );
}

/** The hook that ends a request's span with the request, whatever becomes of it; none without tracing. */
export function traceRequests(tracer: Tracer | undefined): preHandlerAsyncHookHandler[] {
  if (tracer === undefined) return [];
  return [
    async (request, reply) => {
      reply.raw.once('close', () => end(tracer, request, reply));
    },
  ];
}

/** The message as it goes on: under the request's span, or else under whatever its sender said. */
export function traceMessage(
  tracer: Tracer | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
  message: IncomingMessage,
): IncomingMessage {
  const parent = sendersTraceparent(request) ?? message.traceParent;
  const span = tracer && start(tracer, reply, { parent, root: message.messageId });
  if (span) begun.set(request, { span, message });
  const traceParent = span?.traceparent ?? parent;
  return traceParent === message.traceParent ? message : { ...message, traceParent };
}
