import { randomFillSync } from 'node:crypto';
import { logConnectionErrors } from '../log-connection-errors.ts';
import type { Logger } from '../logger.ts';
import { createExporter } from './create-exporter.ts';
import type { Attributes, SpanKind } from './otlp.ts';
import type { TracingEnv } from './tracing-fields.ts';

interface SpanStart {
  name: string;
  kind: SpanKind;
  /** A valid W3C traceparent; without one the span begins a trace. */
  parent: string | null | undefined;
  /** A UUID that gives the trace its id where the span begins one: the same every time, then. */
  root?: string | undefined;
  /** Milliseconds since 1970; now where it is left out. */
  startedAtMs?: number;
}

export interface Span {
  /** What the next one on the way gets: this span is its parent. */
  readonly traceparent: string;
  /** Ends it, once; `error` says what went wrong. */
  end(attributes: Attributes, error?: string): void;
}

/** Where there is no tracing there is no tracer, and `tracer?.start({…})` makes nothing at all. */
export interface Tracer {
  start(start: SpanStart): Span;
  /** Sends what is left; bounded. */
  close(signal?: AbortSignal): Promise<void>;
}

interface TracerOptions {
  /** Unless OTEL_SERVICE_NAME says another. */
  serviceName: string;
  logger: Pick<Logger, 'warn'>;
}

const SAMPLED = 1;

// Asking the kernel for 8 bytes at a time costs more than the rest of a span together.
const pool = Buffer.alloc(4096);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}

/** All who see one trace decide alike: by the end of its id, which is random in every kind of id. */
const isChosen = (traceId: string, ratio: number): boolean =>
  Number.parseInt(traceId.slice(-8), 16) < ratio * 2 ** 32;

const newTraceId = (root: string | undefined): string =>
  root?.replaceAll('-', '').toLowerCase() ?? randomHex(16);

/** What the one before has decided holds; a new trace is chosen by the ratio. */
function contextOf({ parent, root }: SpanStart, ratio: number) {
  if (parent) {
    const isSampled = (Number.parseInt(parent.slice(53, 55), 16) & SAMPLED) !== 0;
    return { traceId: parent.slice(3, 35), parentSpanId: parent.slice(36, 52), isSampled };
  }
  const traceId = newTraceId(root);
  return { traceId, parentSpanId: undefined, isSampled: isChosen(traceId, ratio) };
}

/** The tracer that the environment asks for; undefined where it names no collector. */
export function createTracer(env: TracingEnv, options: TracerOptions): Tracer | undefined {
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return undefined;
  const ratio = env.OTEL_TRACES_SAMPLER_ARG;
  const exporter = createExporter({
    endpoint,
    headers: env.OTEL_EXPORTER_OTLP_HEADERS,
    resource: { 'service.name': env.OTEL_SERVICE_NAME ?? options.serviceName },
    onError: logConnectionErrors(options.logger, 'tracing.export_failed'),
    onDropped: (spans) => options.logger.warn({ spans }, 'tracing.dropped'),
  });

  return {
    start(start) {
      const { traceId, parentSpanId, isSampled } = contextOf(start, ratio);
      if (!isSampled && start.parent) return unrecorded(start.parent);
      const spanId = randomHex(8);
      // Said on, so that nobody behind chooses what was not chosen here.
      if (!isSampled) return unrecorded(`00-${traceId}-${spanId}-00`);
      const { name, kind, startedAtMs = Date.now() } = start;
      // The wall clock may be set while a span is open: its length is measured by the other one.
      const openedAt = performance.now() - (Date.now() - startedAtMs);
      return {
        traceparent: `00-${traceId}-${spanId}-01`,
        end(attributes, error) {
          const endedAtMs = startedAtMs + (performance.now() - openedAt);
          exporter.add({
            ...{ traceId, spanId, parentSpanId, name, kind },
            ...{ startedAtMs, endedAtMs, attributes, error },
          });
        },
      };
    },
    close: (signal) => exporter.close(signal),
  };
}

const unrecorded = (traceparent: string): Span => ({ traceparent, end: () => {} });
