import type { Limits } from '@contour/upstream';
import type { Judgement } from './refusals.ts';

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

/** The push to Core. */
export interface Core {
  push(message: PushMessage): Promise<PushResult>;
  /** False while every push would be held back. A cheap check before lanes are taken. */
  available(): boolean;
  /** How many messages may be sent now, in all and per tenant. More would be held back. */
  limits(): Limits;
  /** Starts a new round of probes, because no other tenant has anything due. Returns false if no round had begun. */
  startRound(): boolean;
  /** `isOpen`: this worker gets nothing through to Core. `openTenants`: tenants whose own circuit is open. */
  circuits(): { isOpen: boolean; openTenants: number };
  /** How long ago the latest message was sent that Core has accepted; null if there is none. */
  acceptedAgoMs(): number | null;
  /** Notes that Core accepted a message of another worker, sent this long ago. */
  acceptedElsewhere(agoMs: number): void;
  /** Cuts the pushes that are under way; they end as `aborted`. */
  close(): Promise<void>;
}

/** Replaces Core if no CORE_URL is set: every payload becomes one line of JSON and counts as delivered. */
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
