import { isUtf8 } from 'node:buffer';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseBody, uuidv7 } from '@contour/contract';
import { EnvError, type Logger } from '@contour/runtime';
import Fastify, { type FastifyInstance } from 'fastify';
import { logRequests } from './observe-request.ts';
import {
  createErrorHandler,
  createSocketRefusal,
  notFound,
  ProblemError,
  type ProblemTable,
  unavailable,
} from './problems.ts';

const BODY_LIMIT = 256 * 1024;
const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 20_000;
// Longer than a load balancer keeps an idle connection: the load balancer must be the one to close it.
const KEEP_ALIVE_MS = 72_000;

export interface HttpAppOptions {
  logger: Pick<Logger, 'debug' | 'info' | 'error'>;
  problems: ProblemTable;
  /** True after the signal to stop. */
  isLeaving: () => boolean;
}

/** A service without routes: limits, JSON bodies, problems, log lines and drain. It does not listen yet. */
export function createHttpApp({ logger, problems, isLeaving }: HttpAppOptions): FastifyInstance {
  const handleError = createErrorHandler({ logger, problems });
  const app = Fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_WITHIN_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    genReqId: () => uuidv7(),
    // As long as a request line may be: an unknown id is a 404, however long it is.
    routerOptions: { maxParamLength: 16 * 1024 },
    trustProxy: false,
    // Fastify's own refusal is not a problem document. drainOnClose sends one.
    return503OnClosing: false,
    clientErrorHandler: createSocketRefusal(problems),
    frameworkErrors: (error, request, reply) => void handleError(error, request, reply),
  });
  app.server.headersTimeout = HEADERS_WITHIN_MS;
  app.setErrorHandler(handleError);
  logRequests(app, logger);
  drainOnClose(app, isLeaving);
  takeJsonBodies(app);
  answerUnknownRoutes(app);
  return app;
}

interface KnownPath {
  pattern: RegExp;
  methods: Set<string>;
}

/** A path that exists under other methods is a 405, or the answer to OPTIONS. Every other path is a 404. */
function answerUnknownRoutes(app: FastifyInstance): void {
  const paths = new Map<string, KnownPath>();

  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return;
    const pattern = new RegExp(`^${url.replace(/:[^/]+/g, '[^/]+')}$`);
    const known = paths.get(url) ?? { pattern, methods: new Set<string>() };
    for (const name of [method].flat()) known.methods.add(name.toUpperCase());
    paths.set(url, known);
  });

  function methodsOf(url: string): string[] {
    const path = url.split('?', 1)[0] ?? '';
    const methods = [...paths.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((known) => [...known.methods]);
    return [...new Set(methods)];
  }

  app.setNotFoundHandler(async (request, reply) => {
    const methods = methodsOf(request.url);
    if (methods.length === 0) throw notFound('There is no such path.');
    const headers = { allow: methods.join(', ') };
    if (request.method === 'OPTIONS') return reply.code(204).headers(headers).send();
    throw new ProblemError('method_not_allowed', {
      detail: `Method not allowed. Allowed: ${methods.join(', ')}.`,
      headers,
    });
  });
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

const unreadable = (detail: string) => new ProblemError('invalid', { detail });

/** Reads JSON from bytes. An empty body is undefined: the route decides whether that is a fault. */
function readJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw unreadable('The body is not UTF-8.');
  try {
    return parseBody(bytes.toString('utf8'));
  } catch {
    // The parser's message quotes the body, which may hold a credential.
    throw unreadable('The body is not well-formed JSON.');
  }
}

/** A larger body takes milliseconds to read and to check, so it waits for a turn. */
const BIG_BYTES = 16 * 1024;

/** Accepts JSON bodies alone; Fastify refuses every other type with 415. Numbers in free JSON stay exact. */
function takeJsonBodies(app: FastifyInstance): void {
  const turn = createTurns();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    JSON_TYPE,
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => {
      if (body.length > BIG_BYTES) await turn();
      return readJson(body);
    },
  );
}

/**
 * Turns for work that blocks the process for milliseconds. Turns are given in the order of the calls. After a piece of
 * work the next one waits as long as that piece took, so other requests get at least half of the time.
 */
export function createTurns(): () => Promise<void> {
  let free = Promise.resolve();
  return async () => {
    const turn = free;
    let end = () => {};
    free = new Promise((resolve) => {
      end = resolve;
    });
    await turn;
    const startedAt = performance.now();
    // The piece of work has ended by the next round of the event loop.
    setImmediate(() => setTimeout(end, performance.now() - startedAt));
  };
}

/** The time between the signal to stop and the end of listening. */
export function createDeparture() {
  let hasBegun = false;
  return {
    hasBegun: (): boolean => hasBegun,
    /** Waits `ms`. Meanwhile the service answers and the load balancer learns from /readyz to send nothing more. */
    async begin(ms: number, signal: AbortSignal): Promise<void> {
      hasBegun = true;
      await delay(ms, undefined, { signal }).catch(() => undefined);
    },
  };
}

/**
 * Once the departure has begun, answers say `Connection: close`. Once the server closes, a request over a connection
 * that was kept alive is refused, and when no request is under way all connections are closed, also those that were
 * opened and never used.
 */
function drainOnClose(app: FastifyInstance, isLeaving: () => boolean): void {
  let underWay = 0;
  let isClosing = false;

  function closeIfIdle(): void {
    if (isClosing && underWay === 0) app.server.closeAllConnections();
  }

  app.addHook('onRequest', async (_request, reply) => {
    underWay += 1;
    reply.raw.once('close', () => {
      underWay -= 1;
      closeIfIdle();
    });
    if (isClosing) throw unavailable('This process is shutting down.');
  });
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing || isLeaving()) reply.header('connection', 'close');
  });
  app.addHook('preClose', async () => {
    isClosing = true;
    closeIfIdle();
  });
}

/** Listens and returns the port. A port that is in use is reported as a wrong setting. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new EnvError(`PORT  ${port} is in use on ${host}`, { cause: error });
  }
  return (app.server.address() as AddressInfo).port;
}
