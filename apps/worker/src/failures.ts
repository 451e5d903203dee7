import { setTimeout as delay } from 'node:timers/promises';
import { AppError, accountOf, type IncomingMessage } from '@contour/contract';
import { createBatcher } from '@contour/runtime';
import type { Ending } from '@contour/store/resolve';

/*
 * While a server is away, all work waits. Any other failure is kept apart from the rest of the work. One worker remembers
 * what has failed. Memory that is lost, or that another worker has, costs one more try.
 */

/** Between two tries while a server is away. */
const AWAY = { firstMs: 50, longestMs: 1_000 };
/** How many failed messages and how many suspects are remembered. Beyond that the oldest is forgotten. */
const MOST_HELD = 10_000;
const MOST_SUSPECTS = 1_000;
/** Longer than the longest rest. After this long without a failure a suspect shares batches with others again. */
const SUSPECT_MS = 45_000;
/** For this long after this worker stored a message, it does not consider Postgres slow for all. */
const STORED_LATELY_MS = 5_000;

/** Whether a server is away. Such an error is not about the work, so a caller may wait and repeat it. */
export const isAway = (error: unknown): boolean =>
  error instanceof AppError &&
  (error.code === 'postgres_unavailable' ||
    error.code === 'redis_unavailable' ||
    error.code === 'neo4j_unavailable');

/**
 * Whether a message failed for a reason of its own. Only such failures count towards giving it up: an absent server and
 * a wait for another message do not.
 */
export const failedByItself = (error: unknown): boolean =>
  !isAway(error) && !(error instanceof AppError && error.code === 'not_tried');

/** How long to wait after this many failures: twice as long after each, up to the longest. */
export const backoff = (failures: number, wait: { firstMs: number; longestMs: number }): number =>
  Math.min(wait.firstMs * 2 ** (failures - 1), wait.longestMs);

/** Waits for this long, or until the signal fires. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => undefined);

/**
 * Repeats work while a server is away. Meanwhile the work stays in hand: nothing fails, and nothing new is taken. Gives
 * up when the process is to stop.
 */
export async function untilItWorks<T>(
  work: () => Promise<T>,
  { stopping, onFailure }: { stopping: AbortSignal; onFailure: (error: AppError) => void },
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isAway(error) || stopping.aborted) throw error;
      onFailure(error as AppError);
      await pause(backoff(failures, AWAY), stopping);
    }
  }
}

const monotonic = () => performance.now();

/** Remembers keys, each for a time of its own. Beyond `most` the oldest is forgotten. */
function createExpiringKeys(most: number, nowMs: () => number) {
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
      const leftMs = (until.get(key) ?? 0) - nowMs();
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

type Suspects = ReturnType<typeof createSuspects>;

/** Accounts, or tenants, of which a message has just failed alone. */
export function createSuspects(nowMs = monotonic) {
  const suspects = createExpiringKeys(MOST_SUSPECTS, nowMs);
  return {
    note: (accountOrTenant: string) => suspects.add(accountOrTenant, SUSPECT_MS),
    has: (accountOrTenant: string) => suspects.leftMs(accountOrTenant) > 0,
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
export function createJudge(suspects: Suspects, nowMs = monotonic) {
  let storedAt = Number.NEGATIVE_INFINITY;

  return (messages: readonly IncomingMessage[], endings: readonly Ending[]): Ending[] => {
    const hasStored = endings.some((one) => 'kind' in one && one.kind === 'resolved');
    if (hasStored) storedAt = nowMs();
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

/** Runs at most `most` tasks at a time. The others wait in the order of the calls. */
export function limitConcurrency(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: Array<() => void> = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

const BATCH_SIZE = 100;
/** Connections for accounts whose batch has just failed. Nearly all of these are healthy. */
const UNSUSPECTED_AT_ONCE = 3;
/** Connections for all suspects together: accounts of which a message failed alone. */
const SUSPECTED_AT_ONCE = 2;

/**
 * A queue in memory for each account that must not share a batch with others. It exists while the account has a message
 * in hand. The queues of suspects have connections of their own, and together at most half of the messages that this
 * worker may have in hand, so a lock or a failure of their tenants does not delay other tenants.
 */
export function createAccountQueues(deps: {
  suspects: Suspects;
  /** How many messages this worker may have in hand. */
  concurrency: number;
  resolve: (messages: readonly IncomingMessage[]) => Promise<Ending[]>;
}) {
  const { suspects, concurrency, resolve } = deps;
  const queues = new Map<string, ReturnType<typeof openQueue>>();
  const runSuspected = limitConcurrency(SUSPECTED_AT_ONCE);
  const runUnsuspected = limitConcurrency(UNSUSPECTED_AT_ONCE);
  const mostOfAccount = Math.max(1, concurrency >> 2);
  const mostSuspected = Math.max(1, concurrency >> 1);
  let suspectedInHand = 0;

  function openQueue(account: string) {
    const batcher = createBatcher<IncomingMessage, Ending>({
      maxSize: BATCH_SIZE,
      maxInFlight: 1,
      run: (messages) =>
        (suspects.has(account) ? runSuspected : runUnsuspected)(() => resolve(messages)),
    });
    return { batcher, inHand: 0 };
  }

  const isFull = (account: string) =>
    suspectedInHand >= mostSuspected || (queues.get(account)?.inHand ?? 0) >= mostOfAccount;

  return {
    /** Whether messages of this account are currently resolved apart from others. */
    isApart(message: IncomingMessage): boolean {
      const account = accountOf(message);
      return queues.has(account) || suspects.has(account);
    },
    /** Resolves a message together with others of its own account only, in the order of the calls. */
    async push(message: IncomingMessage): Promise<Ending> {
      const account = accountOf(message);
      const isSuspect = suspects.has(account);
      if (isSuspect && isFull(account)) {
        const fault = 'Too many messages of its account are in hand.';
        return new AppError('not_tried', fault, undefined);
      }
      const queue = queues.get(account) ?? openQueue(account);
      queues.set(account, queue);
      queue.inHand += 1;
      if (isSuspect) suspectedInHand += 1;
      try {
        return await queue.batcher.push(message);
      } finally {
        queue.inHand -= 1;
        if (isSuspect) suspectedInHand -= 1;
        if (queue.inHand === 0) queues.delete(account);
      }
    },
  };
}
