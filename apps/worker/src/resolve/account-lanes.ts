import { AppError, accountOf, type IncomingMessage } from '@contour/contract';
import { type Batcher, createBatcher } from '@contour/runtime';
import type { Ending } from '@contour/store';
import { limitConcurrency } from '../limit-concurrency.ts';
import type { Suspects } from './failures.ts';

const BATCH_SIZE = 100;
/** Connections for accounts whose batch has just failed. Nearly all of these are healthy. */
const UNSUSPECTED_AT_ONCE = 3;
/** Connections for all suspects together: accounts of which a message failed alone. */
const SUSPECTED_AT_ONCE = 2;

interface Lane {
  batcher: Batcher<IncomingMessage, Ending>;
  inHand: number;
}

/**
 * A line for each account that must not share a batch with others. It exists while the account has a message in hand.
 * Lines of suspects have connections of their own, and together at most half of the messages that this worker may have
 * in hand, so a lock or a failure of their tenants does not delay other tenants.
 */
export function createAccountLanes(deps: {
  suspects: Suspects;
  /** How many messages this worker may have in hand. */
  concurrency: number;
  resolve: (messages: readonly IncomingMessage[]) => Promise<Ending[]>;
}) {
  const { suspects, concurrency, resolve } = deps;
  const lanes = new Map<string, Lane>();
  const runSuspected = limitConcurrency(SUSPECTED_AT_ONCE);
  const runUnsuspected = limitConcurrency(UNSUSPECTED_AT_ONCE);
  const mostOfAccount = Math.max(1, concurrency >> 2);
  const mostSuspected = Math.max(1, concurrency >> 1);
  let suspectedInHand = 0;

  function openLane(account: string): Lane {
    const batcher = createBatcher<IncomingMessage, Ending>({
      maxSize: BATCH_SIZE,
      maxInFlight: 1,
      run: (messages) =>
        (suspects.has(account) ? runSuspected : runUnsuspected)(() => resolve(messages)),
    });
    const lane = { batcher, inHand: 0 };
    lanes.set(account, lane);
    return lane;
  }

  async function inLane(account: string, message: IncomingMessage): Promise<Ending> {
    const lane = lanes.get(account) ?? openLane(account);
    lane.inHand += 1;
    try {
      return await lane.batcher.push(message);
    } finally {
      lane.inHand -= 1;
      if (lane.inHand === 0) lanes.delete(account);
    }
  }

  const isFull = (account: string) =>
    suspectedInHand >= mostSuspected || (lanes.get(account)?.inHand ?? 0) >= mostOfAccount;

  return {
    /** Whether messages of this account are currently resolved apart from others. */
    isApart(message: IncomingMessage): boolean {
      const account = accountOf(message);
      return lanes.has(account) || suspects.has(account);
    },
    /** Resolves a message together with others of its own account only, in the order of the calls. */
    async push(message: IncomingMessage): Promise<Ending> {
      const account = accountOf(message);
      if (!suspects.has(account)) return inLane(account, message);
      if (isFull(account)) {
        const fault = 'Too many messages of its account are in hand.';
        return new AppError('not_tried', fault, undefined);
      }
      suspectedInHand += 1;
      try {
        return await inLane(account, message);
      } finally {
        suspectedInHand -= 1;
      }
    },
  };
}
