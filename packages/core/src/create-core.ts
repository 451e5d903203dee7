import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { attempt, type Ending } from './attempt.ts';
import type { CircuitState, Health } from './circuit.ts';
import { type CircuitsOptions, createCircuits, type Pass } from './circuits.ts';
import { classify, healthOf, isAboutTheWay } from './classify.ts';
import type { Core, PushMessage, PushResult } from './core.ts';
import { type CoreLogger, createRefusals, type Refusals } from './refusals.ts';
import { parseSecret, signHeaders } from './sign.ts';

const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const USER_AGENT = `contour/${(JSON.parse(manifest) as { version: string }).version}`;

export interface CoreOptions {
  url: string;
  /** `whsec_` and base64; without it nothing is signed. */
  secret?: string | undefined;
  timeoutMs: number;
  /** At least the number of pushes at once: one that waits for a connection uses up its own time. */
  connections: number;
  logger?: CoreLogger | undefined;
  now?: () => number;
  circuits?: Omit<CircuitsOptions, 'now' | 'onChange'>;
  /** A clock that never goes back. */
  monotonic?: () => number;
}

type Judge = ReturnType<Refusals['begin']>;

interface Timed {
  ending: Ending;
  ms: number;
}

/** The way to Core over HTTP: one attempt per push, behind circuits. The caller retries. */
export function createCore(options: CoreOptions): Core {
  const { timeoutMs, connections, logger, now = Date.now } = options;
  const { monotonic = () => performance.now() } = options;
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
  const circuits = createCircuits({
    ...options.circuits,
    now: monotonic,
    onChange: (circuit, tenantId) => logCircuit(logger, circuit, tenantId),
  });
  const refusals = createRefusals({ now: monotonic, logger });

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

  /** Whether Core has accepted any message since the failures of this tenant began. */
  const isAccepting = ({ failingSince }: Pass) =>
    failingSince !== undefined && refusals.hasAcceptedSince(failingSince);

  return {
    async push(message) {
      if (pool.destroyed || message.signal?.aborted) return { outcome: 'aborted' };
      const pass = circuits.enter(message.tenantId);
      if (pass === undefined) return { outcome: 'held' };
      const judge = refusals.begin(message.messageId);
      let health: Health = 'unknown';
      try {
        const timed = await post(message);
        health = healthOfEnding(timed.ending, isAccepting(pass));
        return resultOf(timed, judge, now());
      } finally {
        circuits.leave(pass, health);
      }
    },
    available: circuits.available,
    limits: circuits.limits,
    startRound: circuits.startRound,
    circuits: circuits.state,
    acceptedAgoMs: refusals.acceptedAgoMs,
    acceptedElsewhere: refusals.acceptedElsewhere,
    close: () => pool.destroy(),
  };
}

/** If Core accepts messages of other tenants meanwhile, the way works, and Core refuses this tenant's messages. */
function healthOfEnding(ending: Ending, acceptsOthers: boolean): Health {
  if (ending.kind === 'aborted' || ending.kind === 'unsendable') return 'unknown';
  return acceptsOthers && isAboutTheWay(ending) ? 'up' : healthOf(ending);
}

function resultOf({ ending, ms }: Timed, judge: Judge, now: number): PushResult {
  if (ending.kind === 'aborted') return { outcome: 'aborted' };
  if (ending.kind === 'unsendable') {
    return { outcome: 'refused', code: 'unsendable', ms, detail: messageOf(ending.error) };
  }
  const judgement = judge(ending, classify(ending, now));
  if (ending.kind !== 'status') return { ...judgement, ms, detail: messageOf(ending.error) };
  const { status } = ending;
  return { ...judgement, ms, status, detail: `Core answered ${status}` };
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

function logCircuit(
  logger: CoreLogger | undefined,
  circuit: CircuitState,
  tenantId: string | undefined,
): void {
  const fields = tenantId === undefined ? { circuit } : { circuit, tenant_id: tenantId };
  if (circuit === 'open') logger?.warn(fields, 'core.circuit_changed');
  else logger?.info(fields, 'core.circuit_changed');
}
