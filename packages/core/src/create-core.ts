import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { attempt, type Ending } from './attempt.ts';
import { type BreakerOptions, type Circuit, createBreaker, HELD, type Health } from './breaker.ts';
import { classify, saysCoreIsDown } from './classify.ts';
import type { Core, PushMessage, PushResult } from './core.ts';
import { parseSecret, signHeaders } from './sign.ts';

const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const USER_AGENT = `contour/${(JSON.parse(manifest) as { version: string }).version}`;

export interface CoreLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface CoreOptions {
  url: string;
  /** `whsec_` and base64; without it nothing is signed. */
  secret?: string | undefined;
  timeoutMs: number;
  /** At least the number of pushes at once: one that waits for a connection uses up its own time. */
  connections: number;
  logger?: CoreLogger | undefined;
  now?: () => number;
  breaker?: Pick<BreakerOptions<Timed>, 'threshold' | 'firstPauseMs' | 'maxPauseMs'>;
}

interface Timed {
  ending: Ending;
  ms: number;
}

/** The way to Core over HTTP: one attempt per push, behind a circuit breaker. Retrying is the caller's. */
export function createCore(options: CoreOptions): Core {
  const { timeoutMs, connections, logger, now = Date.now } = options;
  const url = new URL(options.url);
  const key = options.secret === undefined ? undefined : parseSecret(options.secret);
  // An attempt has its own deadline, which covers the phases that undici would time one by one.
  const pool = new Pool(url.origin, {
    connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: timeoutMs,
  });
  const breaker = createBreaker<Timed>({
    ...options.breaker,
    judge: healthOf,
    onChange: (circuit) => logCircuit(logger, circuit),
  });

  function headersOf({
    messageId,
    traceId,
    traceparent,
    body,
  }: PushMessage): Record<string, string> {
    const timestampSeconds = Math.floor(now() / 1000);
    return {
      'content-type': 'application/json',
      'user-agent': USER_AGENT,
      'idempotency-key': messageId,
      'x-trace-id': traceId,
      ...(traceparent === undefined ? undefined : { traceparent }),
      ...authorizationOf(url),
      ...(key && signHeaders(key, { id: messageId, timestampSeconds, body })),
    };
  }

  async function post(message: PushMessage): Promise<Timed> {
    const startedAt = performance.now();
    const request = {
      path: url.pathname + url.search,
      headers: headersOf(message),
      body: message.body,
    };
    const ending = await attempt({ pool, request, timeoutMs, signal: message.signal });
    return { ending, ms: Math.round(performance.now() - startedAt) };
  }

  return {
    async push(message) {
      if (pool.destroyed || message.signal?.aborted) return { outcome: 'aborted' };
      const timed = await breaker.run(() => post(message));
      return timed === HELD ? { outcome: 'held' } : resultOf(timed, now());
    },
    available: () => breaker.available(),
    close: () => pool.destroy(),
  };
}

function healthOf({ ending }: Timed): Health {
  if (ending.kind === 'aborted' || ending.kind === 'unsendable') return 'unknown';
  return saysCoreIsDown(ending) ? 'down' : 'up';
}

function resultOf({ ending, ms }: Timed, now: number): PushResult {
  switch (ending.kind) {
    case 'aborted':
      return { outcome: 'aborted' };
    case 'unsendable':
      return { outcome: 'refused', code: 'unsendable', ms, detail: messageOf(ending.error) };
    case 'status': {
      const detail = `Core answered ${ending.status}`;
      return { ...classify(ending, now), ms, status: ending.status, detail };
    }
    default:
      return { ...classify(ending, now), ms, detail: messageOf(ending.error) };
  }
}

/** Where a name has several addresses and none answers, the message is in the errors inside. */
function messageOf(error: unknown): string {
  const parts = error instanceof AggregateError ? error.errors : [error];
  return parts.map((part) => (part instanceof Error ? part.message : String(part))).join('; ');
}

/** undici drops a user and password that stand in the URL; Core would then refuse everything. */
function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function logCircuit(logger: CoreLogger | undefined, circuit: Circuit): void {
  if (circuit === 'open') logger?.warn({ circuit }, 'core.circuit_changed');
  else logger?.info({ circuit }, 'core.circuit_changed');
}
