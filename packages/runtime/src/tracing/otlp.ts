/** The value of an attribute; one that is undefined is left out. */
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
  /** What went wrong; undefined if nothing did. */
  error: string | undefined;
}

const KINDS: Record<SpanKind, number> = { server: 2, client: 3, consumer: 5 };
const STATUS_ERROR = 2;

// As a number, nanoseconds since 1970 would lose their last digits.
const nanos = (ms: number): string => `${Math.round(ms * 1000)}000`;

function anyValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

function attributeList(attributes: Attributes): object[] {
  const list: object[] = [];
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    if (value !== undefined) list.push({ key, value: anyValue(value) });
  }
  return list;
}

const spanOf = (span: EndedSpan): object => ({
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId,
  name: span.name,
  kind: KINDS[span.kind],
  startTimeUnixNano: nanos(span.startedAtMs),
  endTimeUnixNano: nanos(span.endedAtMs),
  attributes: attributeList(span.attributes),
  status: span.error === undefined ? {} : { code: STATUS_ERROR, message: span.error },
});

/** The body of one OTLP request, in its JSON form. */
export function otlpBody(resource: Attributes, spans: readonly EndedSpan[]): string {
  const scopeSpans = [{ scope: { name: 'contour' }, spans: spans.map(spanOf) }];
  const resourceSpans = [{ resource: { attributes: attributeList(resource) }, scopeSpans }];
  return JSON.stringify({ resourceSpans });
}
