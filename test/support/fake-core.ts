import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What Core does with one request. `nth` counts the requests with one Idempotency-Key, from 1. */
export type Behaviour =
  | { status: number; headers?: Record<string, string>; body?: string; delayMs?: number }
  /** Reads the request and never answers. */
  | { hang: true }
  /** Takes the message and breaks the connection: before the answer, or in the middle of its 200. */
  | { cut: 'silent' | 'mid-answer' }
  /** Answers 200 with an endless body, a byte at a time. */
  | { drip: true }
  /** Answers 200 with as many bytes as the reader takes, up to two gigabytes. */
  | { flood: true };

export interface CoreRequest {
  /** When it arrived, on a clock that counts arrivals and answers together. */
  order: number;
  at: number;
  path: string;
  headers: IncomingHttpHeaders;
  key: string;
  body: string;
  nth: number;
  /** When the answer was written. Null while there is none. */
  answer: { status: number; order: number } | null;
}

export type Behave = (request: CoreRequest, nth: number) => Behaviour;

export interface FakeCore {
  url: string;
  requests: readonly CoreRequest[];
  /** Requests to other paths, for instance after a redirect. */
  strays: readonly string[];
  behave(behave: Behave): void;
  /** The first payload sent under a key, parsed. */
  payloadOf(key: string): Record<string, unknown> | undefined;
  /** Keys that came with different payloads. */
  unequalKeys(): string[];
  overflowed(): boolean;
  /** The most bytes that were written of one endless answer. */
  mostFlooded(): number;
  /** Forgets all requests except those with these keys. */
  forgetAllBut(keys: ReadonlySet<string>): void;
  /** Closes idle connections. */
  hangUp(): void;
  close(): Promise<void>;
}

const MAX_REQUESTS = 100_000;
const OK: Behaviour = { status: 200 };

/** An HTTP server in Core's place. It keeps the requests and misbehaves as `behave` says. */
export async function startFakeCore(initial: Behave = () => OK): Promise<FakeCore> {
  const requests: CoreRequest[] = [];
  const strays: string[] = [];
  const seen = new Map<string, { body: string; hash: string; count: number; unequal: boolean }>();
  let behave = initial;
  let overflowed = false;
  let mostFlooded = 0;
  let clock = 0;

  /** Copies of a payload share one string, so that a storm of repeats costs little memory. */
  function remember(key: string, body: string): { body: string; nth: number } {
    const hash = createHash('sha256').update(body).digest('hex');
    const known = seen.get(key);
    if (known === undefined) {
      seen.set(key, { body, hash, count: 1, unequal: false });
      return { body, nth: 1 };
    }
    known.count += 1;
    if (known.hash !== hash) known.unequal = true;
    return { body: known.hash === hash ? known.body : body, nth: known.count };
  }

  function answer(request: CoreRequest, response: ServerResponse, behaviour: Behaviour): void {
    if ('hang' in behaviour) return;
    if ('cut' in behaviour) {
      if (behaviour.cut === 'mid-answer') response.socket?.write('HTTP/1.1 200 OK\r\ncontent-le');
      response.socket?.destroySoon();
    } else if ('drip' in behaviour) {
      request.answer = { status: 200, order: clock++ };
      drip(response);
    } else if ('flood' in behaviour) {
      request.answer = { status: 200, order: clock++ };
      flood(response, (bytes) => {
        mostFlooded = Math.max(mostFlooded, bytes);
      });
    } else {
      const write = () => {
        if (response.destroyed) return;
        request.answer = { status: behaviour.status, order: clock++ };
        response.writeHead(behaviour.status, behaviour.headers);
        response.end(behaviour.body ?? '');
      };
      if (behaviour.delayMs === undefined) write();
      else setTimeout(write, behaviour.delayMs);
    }
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    const chunks: Buffer[] = [];
    const order = clock++;
    incoming.on('error', () => undefined);
    response.on('error', () => undefined);
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { url: path = '', headers } = incoming;
      if (path !== '/core') {
        strays.push(path);
        response.end();
        return;
      }
      if (requests.length >= MAX_REQUESTS) {
        overflowed = true;
        response.destroy();
        return;
      }
      const key = String(headers['idempotency-key'] ?? '');
      const { body, nth } = remember(key, Buffer.concat(chunks).toString('utf8'));
      const request: CoreRequest = {
        order,
        at: Date.now(),
        path,
        headers,
        key,
        body,
        nth,
        answer: null,
      };
      requests.push(request);
      answer(request, response, behave(request, nth));
    });
  });
  const sockets = trackSockets(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/core`,
    requests,
    strays,
    behave: (next) => {
      behave = next;
    },
    payloadOf(key) {
      const known = seen.get(key);
      return known && (JSON.parse(known.body) as Record<string, unknown>);
    },
    unequalKeys: () => [...seen].filter(([, { unequal }]) => unequal).map(([key]) => key),
    overflowed: () => overflowed,
    mostFlooded: () => mostFlooded,
    forgetAllBut(keys) {
      const kept = requests.filter(({ key }) => keys.has(key));
      requests.splice(0, requests.length, ...kept);
      for (const key of seen.keys()) if (!keys.has(key)) seen.delete(key);
    },
    hangUp: () => server.closeIdleConnections(),
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}

function trackSockets(server: ReturnType<typeof createServer>): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

function drip(response: ServerResponse): void {
  // In chunks, without a length in the headers.
  response.writeHead(200);
  const timer = setInterval(() => response.write('.'), 100);
  response.once('close', () => clearInterval(timer));
}

const FLOOD_BYTES = 2 * 1024 ** 3;

function flood(response: ServerResponse, onWritten: (bytes: number) => void): void {
  response.writeHead(200);
  const part = Buffer.alloc(64 * 1024);
  let written = 0;
  const write = () => {
    while (written < FLOOD_BYTES && !response.destroyed) {
      written += part.length;
      onWritten(written);
      if (!response.write(part)) {
        response.once('drain', write);
        return;
      }
    }
    response.end();
  };
  write();
}
