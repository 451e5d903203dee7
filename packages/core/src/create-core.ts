import { readFileSync } from 'node:fs';
import {
  type CircuitState,
  type CircuitsOptions,
  createCircuits,
  createUpstream,
  type Ending,
  type Health,
  type UpstreamOptions,
} from '@contour/upstream';
import { classify, healthOf, isAboutTheWay } from './classify.ts';
import type { Core, PushMessage, PushResult } from './core.ts';
import { type CoreLogger, createRefusals, type Judge } from './refusals.ts';
import { parseSecret, signHeaders } from './sign.ts';

const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const USER_AGENT = `contour/${(JSON.parse(manifest) as { version: string }).version}`;

export interface CoreOptions extends UpstreamOptions {
  /** `whsec_` and base64; without it nothing is signed. */
  secret?: string | undefined;
  logger?: CoreLogger | undefined;
  now?: () => number;
  circuits?: Omit<CircuitsOptions, 'now' | 'onChange'>;
}

/** Core over HTTP: one attempt per push, behind circuits. The caller retries. */
export function createCore(options: CoreOptions): Core {
  const { logger, now = Date.now } = options;
  const key = options.secret === undefined ? undefined : parseSecret(options.secret);
  const upstream = createUpstream(options);
  const circuits = createCircuits({
    ...options.circuits,
    onChange: (circuit, tenantId) => logCircuit(logger, circuit, tenantId),
  });
  const refusals = createRefusals({ logger });

  return {
    async push(message) {
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
        health = healthOfEnding(ending, acceptsOthers);
        return resultOf(ending, { ms, judge, now: now() });
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

/** If Core accepts messages of other tenants meanwhile, the way works, and Core refuses this tenant's messages. */
function healthOfEnding(ending: Ending, acceptsOthers: boolean): Health {
  if (ending.kind === 'aborted' || ending.kind === 'unsendable') return 'unknown';
  return acceptsOthers && isAboutTheWay(ending) ? 'up' : healthOf(ending);
}

function resultOf(
  ending: Ending,
  { ms, judge, now }: { ms: number; judge: Judge; now: number },
): PushResult {
  if (ending.kind === 'aborted') return { outcome: 'aborted' };
  if (ending.kind === 'unsendable') {
    return { outcome: 'refused', code: 'unsendable', ms, detail: ending.detail };
  }
  const judgement = judge(ending, classify(ending, now));
  if (ending.kind !== 'status') return { ...judgement, ms, detail: ending.detail };
  const { status } = ending;
  return { ...judgement, ms, status, detail: `Core answered ${status}` };
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
