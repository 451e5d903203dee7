import type { Core, PushResult } from '@contour/core';
import type { Span, Tracer } from '@contour/runtime';
import type { PendingMessage } from '@contour/store';

/** One attempt at Core, with a span of its own where there is tracing. */
export function pushTraced(
  core: Pick<Core, 'push'>,
  tracer: Tracer | undefined,
  message: PendingMessage,
): Promise<PushResult> {
  const { tenantId, messageId, traceId, traceParent: parent, payload: body } = message;
  const span = tracer?.start({ name: 'deliver', kind: 'client', parent, root: messageId });
  const traceparent = span?.traceparent ?? parent ?? undefined;
  const pushed = core.push({ tenantId, messageId, traceId, traceparent, body });
  return span === undefined ? pushed : endWith(pushed, span, message);
}

async function endWith(pushed: Promise<PushResult>, span: Span, message: PendingMessage) {
  const result = await pushed;
  // Nothing is sent while a circuit is open.
  if (result.outcome !== 'held') end(span, message, result);
  return result;
}

function end(
  span: Span,
  message: PendingMessage,
  result: Exclude<PushResult, { outcome: 'held' }>,
): void {
  const code = 'code' in result ? result.code : undefined;
  span.end(
    {
      'contour.message_id': message.messageId,
      'contour.trace_id': message.traceId,
      'contour.tenant_id': message.tenantId,
      'contour.outcome': result.outcome,
      'contour.attempt': message.attempts + 1,
      'http.request.method': 'POST',
      'http.response.status_code': 'status' in result ? result.status : undefined,
      'error.type': code,
    },
    result.outcome === 'delivered' ? undefined : (code ?? result.outcome),
  );
}
