import { AppError, accountOf, type IncomingMessage } from '@contour/contract';
import type { Ending } from '@contour/store/resolve';

/*
 * What one worker remembers about failures. Memory that is lost, or that another worker has, costs one more try.
 */

/** How many failed messages are remembered. Beyond that the oldest is forgotten. */
const MOST_HELD = 10_000;
/** How many suspects are remembered. Beyond that the oldest is forgotten. */
const MOST_SUSPECTS = 1_000;
/** Longer than the longest rest. After this long without a failure an account shares batches with others again. */
const SUSPECT_MS = 45_000;
/** For this long after this worker stored a message, it does not consider Postgres slow for all. */
const STORED_LATELY_MS = 5_000;

type Clock = () => number;

const monotonic: Clock = () => performance.now();

/** Remembers keys, each for a time of its own. Beyond `most` the oldest is forgotten. */
function createExpiringKeys(most: number, nowMs: Clock) {
  const until = new Map<string, number>();
  return {
    add(key: string, forMs: number): void {
      until.delete(key);
      until.set(key, nowMs() + forMs);
      const [oldest] = until.keys();
      if (until.size > most && oldest !== undefined) until.delete(oldest);
    },
    /** How long the key is still remembered; 0 if it is not. */
    leftMs(key: string): number {
      const end = until.get(key);
      if (end === undefined) return 0;
      const leftMs = end - nowMs();
      if (leftMs > 0) return leftMs;
      until.delete(key);
      return 0;
    },
    clear: () => until.clear(),
  };
}

type Identity = Pick<IncomingMessage, 'messageId' | 'contentHash'>;

export type HeldMessages = ReturnType<typeof createHeldMessages>;

/** Messages that failed and wait for their next try. A duplicate waits with its message: it would meet the same lock. */
export function createHeldMessages(nowMs = monotonic) {
  const held = createExpiringKeys(MOST_HELD, nowMs);
  const keyOf = ({ messageId, contentHash }: Identity) => `${messageId} ${contentHash}`;
  return {
    hold: (message: Identity, forMs: number) => held.add(keyOf(message), forMs),
    /** How long a message, or a duplicate of it, has to wait for its next try; 0 if it is not held. */
    leftMs: (message: Identity) => Math.ceil(held.leftMs(keyOf(message))),
  };
}

export type Suspects = ReturnType<typeof createSuspects>;

/** Accounts, or tenants, of which a message has just failed alone. */
export function createSuspects(nowMs = monotonic) {
  const suspects = createExpiringKeys(MOST_SUSPECTS, nowMs);
  return {
    note: (account: string) => suspects.add(account, SUSPECT_MS),
    has: (account: string) => suspects.leftMs(account) > 0,
    clear: suspects.clear,
  };
}

const isBusy = (ending: Ending): ending is AppError =>
  ending instanceof AppError && ending.code === 'postgres_busy';

/** A message that waited for another was not tried. Every other error is about the message itself. */
const isAtFault = (ending: Ending): boolean =>
  ending instanceof AppError ? ending.code !== 'not_tried' : ending.kind === 'invalid';

/**
 * Decides whether a failure is about a message or about Postgres. If this process has stored other messages within the
 * last seconds, it is about the message, and its account becomes a suspect. If it has stored none, locks and time-outs
 * mean that Postgres is slow for all: the messages wait, and no failure is counted.
 */
export function createJudge(
  suspects: Suspects,
  nowMs = monotonic,
): (messages: readonly IncomingMessage[], endings: readonly Ending[]) => Ending[] {
  let storedAt = Number.NEGATIVE_INFINITY;

  return (messages, endings) => {
    if (endings.some((ending) => 'kind' in ending && ending.kind === 'resolved')) {
      storedAt = nowMs();
    }
    const isSlowForAll = nowMs() - storedAt > STORED_LATELY_MS && endings.some(isBusy);
    if (isSlowForAll) {
      suspects.clear();
      return endings.map((ending) =>
        isBusy(ending) ? new AppError('postgres_unavailable', ending.message, ending) : ending,
      );
    }
    for (const [i, message] of messages.entries()) {
      const ending = endings[i];
      if (ending !== undefined && isAtFault(ending)) suspects.note(accountOf(message));
    }
    return [...endings];
  };
}
