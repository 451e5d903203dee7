import { AppError, type IncomingMessage } from '@contour/contract';
import type { Span, Tracer } from '@contour/runtime';
import type { Ending } from '@contour/store';

interface BatchTrace {
  /** The same messages, each under its own span. A message is delivered under the span that is stored with it. */
  messages: IncomingMessage[];
  end(endings: readonly Ending[]): void;
}

/** Makes one span for each message of a batch. It shows how long the message waited for the batch. */
export function traceBatch(tracer: Tracer, messages: readonly IncomingMessage[]): BatchTrace {
  const startedAtMs = Date.now();
  const spans: Span[] = messages.map(({ traceParent: parent, messageId: root }) =>
    tracer.start({ name: 'resolve', kind: 'consumer', parent, root, startedAtMs }),
  );

  const end = (ending: Ending | undefined, message: IncomingMessage, span: Span | undefined) => {
    const outcome = ending instanceof AppError ? ending.code : ending?.kind;
    span?.end(
      {
        'contour.message_id': message.messageId,
        'contour.trace_id': message.traceId,
        'contour.channel': message.channel,
        'contour.tenant_id': tenantOf(ending),
        'contour.outcome': outcome,
        'contour.queue_wait_ms': Math.max(startedAtMs - Date.parse(message.receivedAt), 0),
        'messaging.batch.message_count': messages.length,
      },
      ending instanceof AppError ? outcome : undefined,
    );
  };

  return {
    messages: messages.map((message, i) => ({ ...message, traceParent: spans[i]?.traceparent })),
    end: (endings) => {
      for (const [i, message] of messages.entries()) end(endings[i], message, spans[i]);
    },
  };
}

function tenantOf(ending: Ending | undefined): string | undefined {
  if (ending === undefined || ending instanceof AppError) return undefined;
  if ('receipt' in ending) return ending.receipt.tenantId;
  return 'tenantId' in ending ? ending.tenantId : undefined;
}
