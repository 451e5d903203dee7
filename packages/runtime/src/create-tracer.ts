import { randomUUID } from 'node:crypto';
import { createExporter } from './create-exporter.ts';
import type { TracingEnv } from './env.ts';
import { type Logger, logConnectionErrors } from './logger.ts';

/** The value of an attribute; one that is undefined is left out. */
type Attributes = Record<string, string | number | boolean | undefined>;

type SpanKind = 'server' | 'client' | 'consumer';

interface SpanStart {
  name: string;
  kind: SpanKind;
  /** A valid W3C traceparent; without one the span begins a trace. */
  parent: string | null | undefined;
  /** The UUID that becomes the id of a new trace. By default the id is random. */
  root?: string | undefined;
  /** Milliseconds since 1970; now by default. */
  startedAtMs?: number;
}

export interface Span {
  /** The parent for spans of the next stage. */
  readonly traceparent: string;
  /** Call it once. `error` is the reason of a failure. */
  end(attributes: Attributes, error?: string): void;
}

/** Without tracing there is no tracer, and `tracer?.start({…})` costs nothing. */
export interface Tracer {
  start(start: SpanStart): Span;
  /** Sends the remaining spans, in a second at most. */
  close(signal?: AbortSignal): Promise<void>;
}

const SAMPLED = 1;

/** Returns undefined if the environment names no collector. OTEL_SERVICE_NAME replaces `serviceName`. */
export function createTracer(
  env: TracingEnv,
  { serviceName, logger }: { serviceName: string; logger: Pick<Logger, 'warn'> },
): Tracer | undefined {
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return undefined;
  const ratio = env.OTEL_TRACES_SAMPLER_ARG;
  const exporter = createExporter({
    endpoint,
    headers: env.OTEL_EXPORTER_OTLP_HEADERS,
    resource: attributeList({ 'service.name': env.OTEL_SERVICE_NAME ?? serviceName }),
    onError: logConnectionErrors(logger, 'tracing.export_failed'),
    onDropped: (spans) => logger.warn({ spans }, 'tracing.dropped'),
  });

  return {
    start(start) {
      const { traceId, parentSpanId, isSampled } = contextOf(start, ratio);
      if (!isSampled && start.parent) return unrecorded(start.parent);
      const spanId = randomUUID().replaceAll('-', '').slice(16);
      // Passed on, so that later services do not sample the trace either.
      if (!isSampled) return unrecorded(`00-${traceId}-${spanId}-00`);
      const { name, kind, startedAtMs = Date.now() } = start;
      // The wall clock may be set while a span is open, so a monotonic one measures its length.
      const openedAt = performance.now() - (Date.now() - startedAtMs);
      return {
        traceparent: `00-${traceId}-${spanId}-01`,
        end(attributes, error) {
          const endedAtMs = startedAtMs + (performance.now() - openedAt);
          // A span in the JSON form of OTLP.
          exporter.add({
            traceId,
            spanId,
            parentSpanId,
            name,
            kind: KINDS[kind],
            startTimeUnixNano: nanos(startedAtMs),
            endTimeUnixNano: nanos(endedAtMs),
            attributes: attributeList(attributes),
            status: error === undefined ? {} : { code: STATUS_ERROR, message: error },
          });
        },
      };
    },
    close: (signal) => exporter.close(signal),
  };
}

const unrecorded = (traceparent: string): Span => ({ traceparent, end: () => {} });

/** A parent's decision holds; a new trace is sampled by the ratio. */
function contextOf({ parent, root }: SpanStart, ratio: number) {
  if (parent) {
    const isSampled = (Number.parseInt(parent.slice(53, 55), 16) & SAMPLED) !== 0;
    return { traceId: parent.slice(3, 35), parentSpanId: parent.slice(36, 52), isSampled };
  }
  const traceId = (root ?? randomUUID()).replaceAll('-', '').toLowerCase();
  return { traceId, parentSpanId: undefined, isSampled: isChosen(traceId, ratio) };
}

/** All services decide alike for one trace: by the end of its id, which is random in every version of UUID. */
const isChosen = (traceId: string, ratio: number): boolean =>
  Number.parseInt(traceId.slice(-8), 16) < ratio * 2 ** 32;

const KINDS: Record<SpanKind, number> = { server: 2, client: 3, consumer: 5 };
const STATUS_ERROR = 2;

// As a number, nanoseconds since 1970 would lose their last digits.
const nanos = (ms: number): string => `${Math.round(ms * 1000)}000`;

function anyValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Attributes in the JSON form of OTLP. */
function attributeList(attributes: Attributes): object[] {
  const list: object[] = [];
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    if (value !== undefined) list.push({ key, value: anyValue(value) });
  }
  return list;
}
