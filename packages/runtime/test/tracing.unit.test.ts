import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { within } from '../../../test/support/wait-for.ts';
import { createLogger, createTracer, readEnv, type Tracer, tracingFields } from '../src/index.ts';

const schema = z.object(tracingFields);
const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let server: Server;
let status: number | 'hang';
let received: number;
let endpoint: string;
const warnings: Array<{ msg: string; spans?: number }> = [];
const logger = createLogger({
  level: 'warn',
  name: 'test',
  destination: { write: (line) => void warnings.push(JSON.parse(line)) },
});

beforeEach(async () => {
  status = 200;
  received = 0;
  warnings.length = 0;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (status === 'hang') return;
      const body = JSON.parse(Buffer.concat(chunks).toString());
      if (status === 200) received += body.resourceSpans[0].scopeSpans[0].spans.length;
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function tracerOf(variables: Record<string, string> = {}): Tracer {
  const env = readEnv(schema, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...variables });
  const tracer = createTracer(env, { serviceName: 'test', logger });
  if (tracer === undefined) throw new Error('no tracer');
  return tracer;
}

const makeSpans = (tracer: Tracer, count: number) => {
  for (let n = 0; n < count; n += 1) {
    tracer.start({ name: 'one', kind: 'client', parent: PARENT }).end({});
  }
};

const dropped = () =>
  warnings.filter(({ msg }) => msg === 'tracing.dropped').reduce((n, w) => n + (w.spans ?? 0), 0);

describe('createTracer', () => {
  it('makes no tracer without a collector', () => {
    expect(createTracer(readEnv(schema, {}), { serviceName: 'x', logger })).toBeUndefined();
  });

  it('sends a full batch at once, and the rest when it is closed', async () => {
    const tracer = tracerOf();
    makeSpans(tracer, 600);
    await vi.waitFor(() => expect(received).toBeGreaterThanOrEqual(512), 5_000);
    await tracer.close();
    expect([received, dropped()]).toEqual([600, 0]);
  });

  it('keeps a bounded number for a collector that is away, and counts the rest', async () => {
    status = 503;
    const tracer = tracerOf();
    makeSpans(tracer, 5_000);
    await vi.waitFor(() => expect(warnings).not.toEqual([]), 5_000);
    status = 200;
    await vi.waitFor(() => expect(received).toBe(4_096), 20_000);
    await tracer.close();
    expect([received, dropped()]).toEqual([4_096, 904]);
  }, 30_000);

  it('does not retry spans that a collector refuses', async () => {
    status = 400;
    const tracer = tracerOf();
    makeSpans(tracer, 10);
    await tracer.close();
    expect([received, dropped()]).toEqual([0, 10]);
  });

  it('closes in time while a collector hangs', async () => {
    status = 'hang';
    const tracer = tracerOf();
    makeSpans(tracer, 2_000);
    // A timer of the same process: when the machine pauses, both pause.
    await within('the end', 2_500, tracer.close());
    expect(dropped()).toBe(2_000);
  });

  it('samples new traces by the ratio and their id, and keeps the decision of a parent', async () => {
    const half = tracerOf({ OTEL_TRACES_SAMPLER_ARG: '0.5' });
    const flagsOf = (root: string) =>
      half.start({ name: 'one', kind: 'server', parent: undefined, root }).traceparent.slice(-2);
    expect(flagsOf('00000000-0000-8000-8000-00007fffffff')).toBe('01');
    expect(flagsOf('00000000-0000-8000-8000-000080000000')).toBe('00');
    const none = tracerOf({ OTEL_TRACES_SAMPLER_ARG: '0' });
    const { traceparent } = none.start({ name: 'one', kind: 'server', parent: PARENT });
    expect(traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    expect(traceparent).not.toBe(PARENT);
    await Promise.all([half.close(), none.close()]);
  });
});

describe('tracingFields', () => {
  it('reads headers as OpenTelemetry writes them', () => {
    const env = readEnv(schema, { OTEL_EXPORTER_OTLP_HEADERS: 'x-a=b%20c, x-d = e=f' });
    expect(env.OTEL_EXPORTER_OTLP_HEADERS).toEqual({ 'x-a': 'b c', 'x-d': 'e=f' });
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'grpc://collector:4317'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://user:hidden@collector:4318'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'hidden'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'x=hidden%'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
    ['OTEL_TRACES_SAMPLER_ARG', 'hidden'],
  ])('%s may not be %s, and the error does not repeat it', (name, value) => {
    expect(() => readEnv(schema, { [name]: value })).toThrow(new RegExp(`^${name}  must [^]*$`));
    expect(() => readEnv(schema, { [name]: value })).not.toThrow(/hidden/);
  });
});
