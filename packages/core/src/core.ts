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
 * How a push ended. `held` (a circuit is open) and `aborted` (the caller's signal, or Core was closed) cost no
 * attempt. Nor does `postponed`: Core's answer is about the way to it, as far as is known. `detail` is a sentence for
 * the operator, without anything of the message.
 */
export type PushResult =
  | (Judgement & { ms: number; status?: number; detail?: string })
  | { outcome: 'held' }
  | { outcome: 'aborted' };

/** The way to Core. */
export interface Core {
  push(message: PushMessage): Promise<PushResult>;
  /** False while every push would be held: a cheap look before lanes are taken. */
  available(): boolean;
  /** How much may be sent now, and of which tenants less: what is beyond it would be held. */
  limits(): Limits;
  /** Nothing is due of the tenants that this round of probes has not tried. Returns false if it has tried none. */
  startRound(): boolean;
  circuits(): CircuitsState;
  /** How long ago the latest message was sent that Core has accepted; null if there is none. */
  acceptedAgoMs(): number | null;
  /** Another worker's message was accepted, sent so long ago. */
  acceptedElsewhere(agoMs: number): void;
  /** Cuts what is still under way; those pushes end as `aborted`. */
  close(): Promise<void>;
}
