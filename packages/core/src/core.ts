import type { CircuitsState, Limits } from './circuits.ts';
import type { Judgement } from './refusals.ts';

/** One message on its way; `body` is sent byte for byte as it was stored. */
export interface PushMessage {
  tenantId: string;
  messageId: string;
  traceId: string;
  /** W3C Trace Context, sent as it is. */
  traceparent?: string | undefined;
  body: string;
  signal?: AbortSignal | undefined;
}

/**
 * How a push ended. `held` (a circuit is open), `aborted` (the caller's signal, or Core was closed) and `postponed`
 * (Core's answer is probably about the way to it) cost no attempt. `detail` is a sentence for the operator, without
 * content of the message.
 */
export type PushResult =
  | (Judgement & { ms: number; status?: number; detail?: string })
  | { outcome: 'held' }
  | { outcome: 'aborted' };

/** The way to Core. */
export interface Core {
  push(message: PushMessage): Promise<PushResult>;
  /** False while every push would be held back. A cheap check before lanes are taken. */
  available(): boolean;
  /** How many messages may be sent now, in all and per tenant. More would be held back. */
  limits(): Limits;
  /** Starts a new round of probes, because no other tenant has anything due. Returns false if no round had begun. */
  startRound(): boolean;
  circuits(): CircuitsState;
  /** How long ago the latest message was sent that Core has accepted; null if there is none. */
  acceptedAgoMs(): number | null;
  /** Notes that Core accepted a message of another worker, sent this long ago. */
  acceptedElsewhere(agoMs: number): void;
  /** Cuts what is still under way; those pushes end as `aborted`. */
  close(): Promise<void>;
}
