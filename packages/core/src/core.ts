import type { Verdict } from './classify.ts';

/** One message on its way; `body` is sent byte for byte as it was stored. */
export interface PushMessage {
  messageId: string;
  traceId: string;
  /** W3C Trace Context, sent as it is. */
  traceparent?: string | undefined;
  body: string;
  signal?: AbortSignal | undefined;
}

/**
 * How a push ended. `held` (the circuit is open) and `aborted` (the caller's signal, or Core was closed)
 * cost no attempt. `detail` is a sentence for the operator, without anything of the message.
 */
export type PushResult =
  | (Verdict & { ms: number; status?: number; detail?: string })
  | { outcome: 'held' }
  | { outcome: 'aborted' };

/** The way to Core. */
export interface Core {
  push(message: PushMessage): Promise<PushResult>;
  /** False while a push would be held: a cheap look before lanes are taken. */
  available(): boolean;
  /** Cuts what is still under way; those pushes end as `aborted`. */
  close(): Promise<void>;
}
