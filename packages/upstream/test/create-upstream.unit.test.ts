import { describe, expect, onTestFinished, test } from 'vitest';
import { createUpstream, type UpstreamOptions } from '../src/create-upstream.ts';
import { type Listener, startHttp, startTcp } from './servers.ts';

const request = { headers: { 'content-type': 'application/json' }, body: '{"text":"Привет"}' };

const OK = { kind: 'status', status: 200, retryAfter: null };

function upstreamAt(url: string, options: Partial<UpstreamOptions> = {}) {
  const upstream = createUpstream({ url, timeoutMs: 5000, connections: 4, ...options });
  onTestFinished(() => upstream.close());
  return upstream;
}

async function upstreamAnswering(listener: Listener, options?: Partial<UpstreamOptions>) {
  return upstreamAt(await startHttp(listener), options);
}

/** A service whose socket answers with this text. */
async function upstreamSaying(raw: string) {
  const port = await startTcp((socket) => socket.once('data', () => socket.end(raw)));
  return upstreamAt(`http://127.0.0.1:${port}`);
}

describe('how a request ends', () => {
  test('a connection that is never made is a time-out', async () => {
    // A TLS handshake without an answer.
    const port = await startTcp(() => {});
    const upstream = upstreamAt(`https://127.0.0.1:${port}`, { timeoutMs: 50 });
    expect(await upstream.post(request)).toMatchObject({ kind: 'timeout' });
  });

  test.each([
    ['a cut connection', ''],
    ['half a header', 'HTTP/1.1 200'],
    ['something that is not HTTP', 'hello\r\n\r\n'],
  ])('%s is a network error', async (_, raw) => {
    const upstream = await upstreamSaying(raw);
    expect(await upstream.post(request)).toMatchObject({ kind: 'network' });
  });

  test('an idle connection that breaks with the next request on it is a network error', async () => {
    const port = await startTcp((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
        socket.once('data', () => socket.resetAndDestroy());
      });
    });
    const upstream = upstreamAt(`http://127.0.0.1:${port}`, { connections: 1 });
    expect(await upstream.post(request)).toEqual(OK);
    expect(await upstream.post(request)).toMatchObject({ kind: 'network' });
  });
});

describe('the body of an answer', () => {
  test('is not read past the deadline, and its 2xx counts', async () => {
    const upstream = await upstreamAnswering(
      (_, response) => void response.writeHead(200).write('drip'),
      {
        timeoutMs: 1_000,
      },
    );
    expect(await upstream.post(request)).toEqual(OK);
  });

  test('may break off after a 2xx', async () => {
    const upstream = await upstreamSaying('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf');
    expect(await upstream.post(request)).toEqual(OK);
  });

  test.each([true, false])(
    'is not read without a limit (with content-length: %j)',
    async (told) => {
      const written = { bytes: 0 };
      const upstream = await upstreamAnswering((_, response) => {
        response.writeHead(200, told ? { 'content-length': String(2 * 1024 ** 3) } : {});
        const chunk = Buffer.alloc(64 * 1024);
        const fill = () => {
          while (!response.destroyed && response.write(chunk)) written.bytes += chunk.length;
        };
        response.on('drain', fill);
        fill();
      });
      const startedAt = performance.now();
      expect(await upstream.post(request)).toEqual(OK);
      expect(performance.now() - startedAt).toBeLessThan(4000);
      expect(written.bytes).toBeLessThan(64 * 1024 * 1024);
    },
  );

  test('of a usual size leaves the connection for the next request', async () => {
    const ports = new Set<number | undefined>();
    const upstream = await upstreamAnswering(
      ({ socket }, response) => {
        ports.add(socket.remotePort);
        response.end('x'.repeat(60_000));
      },
      { connections: 1 },
    );
    for (let i = 0; i < 5; i++) await upstream.post(request);
    expect(ports.size).toBe(1);
  });
});
