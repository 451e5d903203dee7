import { AppError, accountOf, type IncomingMessage } from '@contour/contract';
import { type Batcher, createBatcher } from '@contour/runtime';
import type { Ending } from '@contour/store/resolve';
import { limitConcurrency } from '../limit-concurrency.ts';
import type { Suspects } from './failures.ts';

const BATCH_SIZE = 100;
/** Connections for accounts whose batch has just failed. Nearly all of these are healthy. */
const UNSUSPECTED_AT_ONCE = 3;
/** Connections for all suspects together: accounts of which a message failed alone. */
const SUSPECTED_AT_ONCE = 2;

interface AccountQueue {
  batcher: Batcher<IncomingMessage, Ending>;
  inHand: number;
}

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
  const queues = new Map<string, AccountQueue>();
  const runSuspected = limitConcurrency(SUSPECTED_AT_ONCE);
  const runUnsuspected = limitConcurrency(UNSUSPECTED_AT_ONCE);
  const mostOfAccount = Math.max(1, concurrency >> 2);
  const mostSuspected = Math.max(1, concurrency >> 1);
  let suspectedInHand = 0;

  function openQueue(account: string): AccountQueue {
    const batcher = createBatcher<IncomingMessage, Ending>({
      maxSize: BATCH_SIZE,
      maxInFlight: 1,
      run: (messages) =>
        (suspects.has(account) ? runSuspected : runUnsuspected)(() => resolve(messages)),
    });
    const queue = { batcher, inHand: 0 };
    queues.set(account, queue);
    return queue;
  }

  async function inQueue(account: string, message: IncomingMessage): Promise<Ending> {
    const queue = queues.get(account) ?? openQueue(account);
    queue.inHand += 1;
    try {
      return await queue.batcher.push(message);
    } finally {
      queue.inHand -= 1;
      if (queue.inHand === 0) queues.delete(account);
    }
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
      if (!suspects.has(account)) return inQueue(account, message);
      if (isFull(account)) {
        const fault = 'Too many messages of its account are in hand.';
        return new AppError('not_tried', fault, undefined);
      }
      suspectedInHand += 1;
      try {
        return await inQueue(account, message);
      } finally {
        suspectedInHand -= 1;
      }
    },
  };
}
