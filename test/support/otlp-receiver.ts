import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A span as a collector sees it, its attributes as a plain object. */
export interface ReceivedSpan {
  service: string;
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  startedAtMs: number;
  endedAtMs: number;
  attributes: Record<string, string | number>;
  isError: boolean;
}

interface OtlpAttribute {
  key: string;
  value: { stringValue?: string; intValue?: string; doubleValue?: number };
}

export interface OtlpReceiver {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT has to be. */
  url: string;
  spans: readonly ReceivedSpan[];
  /** Raw bodies, and the header `x-token` that came with each. */
  bodies: readonly string[];
  tokens: readonly unknown[];
  /** The next answers. `hang` reads and never answers. Only spans that got a 200 are kept. */
  answer(status: number | 'hang'): void;
  close(): Promise<void>;
}

const plain = (attributes: OtlpAttribute[]): Record<string, string | number> =>
  Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, doubleValue } }) => [
      key,
      stringValue ?? Number(intValue ?? doubleValue),
    ]),
  );

const toMs = (nanos: string) => Number(BigInt(nanos) / 1000n) / 1000;

function spansOf(text: string): ReceivedSpan[] {
  const [group] = JSON.parse(text).resourceSpans;
  const service = String(plain(group.resource.attributes)['service.name']);
  // biome-ignore lint/suspicious/noExplicitAny: what comes over the wire is judged by the tests.
  return group.scopeSpans[0].spans.map((span: any) => ({
    service,
    name: span.name,
    kind: span.kind,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    startedAtMs: toMs(span.startTimeUnixNano),
    endedAtMs: toMs(span.endTimeUnixNano),
    attributes: plain(span.attributes),
    isError: span.status.code === 2,
  }));
}

/** An HTTP server in a collector's place. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const tokens: unknown[] = [];
  const sockets = new Set<Socket>();
  let status: number | 'hang' = 200;
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('error', () => undefined);
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      if (incoming.url !== '/v1/traces' || status === 'hang') return;
      bodies.push(text);
      tokens.push(incoming.headers['x-token']);
      if (status === 200) spans.push(...spansOf(text));
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    bodies,
    tokens,
    answer: (next) => {
      status = next;
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}
