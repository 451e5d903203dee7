import { readFileSync } from 'node:fs';
import {
  type CircuitsOptions,
  createCircuits,
  createUpstream,
  type Ending,
  type Health,
  type UpstreamOptions,
} from '@contour/upstream';
import {
  type CoreLogger,
  classify,
  createRefusals,
  healthOf,
  type Judge,
  type Judgement,
} from './classify.ts';
import { parseSecret, signHeaders } from './sign.ts';

const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const USER_AGENT = `contour/${(JSON.parse(manifest) as { version: string }).version}`;

/** A message for Core. `body` is sent byte for byte as it was stored. */
export interface PushMessage {
  tenantId: string;
  messageId: string;
  traceId: string;
  /** W3C traceparent, sent unchanged. */
  traceparent?: string | undefined;
  body: string;
}

/**
 * How a push ended. `held` (a circuit is open), `aborted` (Core was closed) and `postponed`
 * (Core's answer is probably about the way to it) cost no attempt. `detail` is a sentence for the operator, without
 * content of the message.
 */
export type PushResult =
  | (Judgement & { ms: number; status?: number; detail?: string })
  | { outcome: 'held' }
  | { outcome: 'aborted' };

export interface CoreOptions extends UpstreamOptions {
  /** `whsec_` and base64; without it nothing is signed. */
  secret?: string | undefined;
  logger?: CoreLogger | undefined;
  now?: () => number;
  circuits?: Omit<CircuitsOptions, 'now' | 'onChange'>;
}

export type Core = ReturnType<typeof createCore>;

/** Core over HTTP: one attempt per push, behind circuits. The caller retries. */
export function createCore(options: CoreOptions) {
  const { logger, now = Date.now } = options;
  const key = options.secret === undefined ? undefined : parseSecret(options.secret);
  const upstream = createUpstream(options);
  const circuits = createCircuits({
    ...options.circuits,
    onChange: (circuit, tenantId) => {
      const level = circuit === 'open' ? 'warn' : 'info';
      const fields = tenantId === undefined ? { circuit } : { circuit, tenant_id: tenantId };
      logger?.[level](fields, 'core.circuit_changed');
    },
  });
  const refusals = createRefusals({ logger });

  return {
    async push(message: PushMessage): Promise<PushResult> {
      const { tenantId, messageId, body } = message;
      if (upstream.isClosed()) return { outcome: 'aborted' };
      const pass = circuits.enter(tenantId);
      if (pass === undefined) return { outcome: 'held' };
      const { failingSince } = pass;
      const judge = refusals.begin(messageId);
      let health: Health = 'unknown';
      try {
        const startedAt = performance.now();
        const ending = await upstream.post({ headers: headersOf(message, key, now()), body });
        const ms = Math.round(performance.now() - startedAt);
        const acceptsOthers = failingSince !== undefined && refusals.hasAcceptedSince(failingSince);
        health = healthOf(ending, acceptsOthers);
        return resultOf(ending, judge, ms, now());
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
    close: upstream.close,
  };
}

/** Replaces Core if CORE_URL is absent or `console`: every payload becomes one line of JSON and counts as delivered. */
export function createConsoleCore(deps: { write: (line: string) => void }): Core {
  return {
    async push({ messageId, traceId, body }) {
      const fields = { msg: 'core.console', message_id: messageId, trace_id: traceId };
      // The body is JSON already, and is shown exactly as Core would get it.
      deps.write(`${JSON.stringify(fields).slice(0, -1)},"payload":${body}}\n`);
      return { outcome: 'delivered', ms: 0 };
    },
    available: () => true,
    limits: () => ({ total: Infinity, perTenant: Infinity, rooms: [] }),
    startRound: () => false,
    circuits: () => ({ isOpen: false, openTenants: 0 }),
    acceptedAgoMs: () => null,
    acceptedElsewhere: () => {},
    close: async () => {},
  };
}

function headersOf(
  { messageId, traceId, traceparent, body }: PushMessage,
  key: Buffer | undefined,
  now: number,
): Record<string, string> {
  const timestampSeconds = Math.floor(now / 1000);
  return {
    'content-type': 'application/json',
    'user-agent': USER_AGENT,
    'idempotency-key': messageId,
    'x-trace-id': traceId,
    ...(traceparent === undefined ? undefined : { traceparent }),
    ...(key && signHeaders(key, { id: messageId, timestampSeconds, body })),
  };
}

function resultOf(ending: Ending, judge: Judge, ms: number, now: number): PushResult {
  if (ending.kind === 'aborted') return { outcome: 'aborted' };
  if (ending.kind === 'unsendable') {
    return { outcome: 'refused', code: 'unsendable', ms, detail: ending.detail };
  }
  const judgement = judge(ending, classify(ending, now));
  if (ending.kind !== 'status') return { ...judgement, ms, detail: ending.detail };
  const { status } = ending;
  return { ...judgement, ms, status, detail: `Core answered ${status}` };
}
