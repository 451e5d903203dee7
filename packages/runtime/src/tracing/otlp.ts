/** What an attribute may be; one that is undefined is left out. */
export type Attributes = Record<string, string | number | boolean | undefined>;

export type SpanKind = 'server' | 'client' | 'consumer';

/** A span that has ended. Times are milliseconds since 1970, with fractions. */
export interface EndedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  kind: SpanKind;
  startedAtMs: number;
  endedAtMs: number;
  attributes: Attributes;
  /** What went wrong; undefined where nothing did. */
  error: string | undefined;
}

const KINDS: Record<SpanKind, number> = { server: 2, client: 3, consumer: 5 };
const STATUS_ERROR = 2;

// As a number, nanoseconds since 1970 would lose their end.
const nanos = (ms: number): string => `${Math.round(ms * 1000)}000`;

function anyValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

const attributeList = (attributes: Attributes) =>
  Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValue(value) }],
  );

function spanOf(span: EndedSpan): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanos(span.startedAtMs),
    endTimeUnixNano: nanos(span.endedAtMs),
    attributes: attributeList(span.attributes),
    status: span.error === undefined ? {} : { code: STATUS_ERROR, message: span.error },
  };
}

/** The body of one OTLP request, in its JSON form. */
export function otlpBody(resource: Attributes, spans: readonly EndedSpan[]): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributeList(resource) },
        scopeSpans: [{ scope: { name: 'contour' }, spans: spans.map(spanOf) }],
      },
    ],
  });
}
