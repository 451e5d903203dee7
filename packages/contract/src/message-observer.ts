import type { DlqEntry, DlqReason } from './dlq-entry.ts';
import type { IncomingMessage } from './incoming-message.ts';
import type { AppError, Outcome } from './outcomes.ts';

/** How messages reach the resolver: one by one as jobs, or together from a stream or from the dead-letter queue. */
export type ResolveWay = 'queue' | 'stream' | 'release';

/** A stored message on its way to Core. */
export interface ObservedDelivery {
  tenantId: string;
  payload: string;
  receivedAt: Date;
  /** Attempts before the last replay. */
  attemptsBefore: number;
}

/** Core's answer to one attempt, or the error that came in place of an answer. */
export interface ObservedAnswer {
  outcome: 'delivered' | 'retry' | 'refused' | 'postponed';
  code?: string | undefined;
  status?: number | undefined;
  ms: number;
}

/**
 * The events of a message's life. Metrics and the live tail subscribe to them. An event is reported after it happened,
 * and at most once: the events of a process that dies may be missing. An observer must not throw and must return at
 * once, because it is called on the message's way.
 */
export interface MessageObserver {
  /**
   * A batch was committed. The endings are in the order of the messages. A message that ended with an error will be
   * tried again.
   */
  resolved(
    way: ResolveWay,
    messages: readonly IncomingMessage[],
    endings: ReadonlyArray<Outcome | AppError>,
  ): void;
  /** An entry was put into the dead-letter queue, or renewed there. */
  parked(entry: DlqEntry): void;
  /** A message of an unknown account was not parked, because the account has reached its bound. */
  notParked(entry: DlqEntry): void;
  /** So many entries of refused messages were dropped, because all of them together exceeded their bound. */
  dropped(count: number): void;
  /** A replay succeeded and its entry left the dead-letter queue. */
  replayed(): void;
  /** An attempt at Core ended. `delivered`, `retried`, `dead`, or none of them follows. */
  answered(message: ObservedDelivery, answer: ObservedAnswer): void;
  /** Core accepted the message. */
  delivered(message: ObservedDelivery): void;
  /** An attempt failed and another one will follow. `code` is stored with the attempt. */
  retried(message: ObservedDelivery, code: string): void;
  /** Core refused the message, or all attempts failed. The message has an entry in the dead-letter queue. */
  dead(
    message: ObservedDelivery,
    reason: Extract<DlqReason, 'core_refused' | 'core_exhausted'>,
  ): void;
  /** The results of so many attempts were written in one statement. */
  settled(attempts: number): void;
}
