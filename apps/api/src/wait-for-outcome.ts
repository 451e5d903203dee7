import type { IncomingMessage, Receipt, Reply } from '@contour/contract';
import { within } from '@contour/runtime';

const LOOK_WITHIN_MS = 1000;

/** What the worker decided about a message. */
export type Decision = Pick<Reply, 'outcome' | 'parked'>;

interface Wait {
  /** The worker's reply; undefined when the time is over. */
  replied: Promise<Decision | undefined>;
  /** Settles when waiting has no use any more: the sender hung up, or the process ends. */
  cancelled: Promise<void>;
  /** Looks into the ledger. Bounded, and never rejects: undefined means that it is not known. */
  look: () => Promise<Decision | undefined>;
  /** Called when the time is over, before the last look. */
  beforeLastLook: () => Promise<void>;
  lookAfterMs: number;
}

const STILL_WAITING = Symbol();

/**
 * Finds a message's outcome although a reply may get lost:
 *
 *   0 … lookAfterMs   wait for the reply
 *   lookAfterMs       look into the ledger once, and keep waiting for the reply meanwhile
 *   the end           look once more, unless the wait was cancelled
 */
export async function waitForOutcome(wait: Wait): Promise<Decision | undefined> {
  const { replied, cancelled, look, beforeLastLook, lookAfterMs } = wait;
  let isOver = false;
  const end = replied.then((decision) => {
    if (decision !== undefined || isOver) return decision;
    return beforeLastLook().then(look);
  });
  const over = Promise.race([end, cancelled.then(() => undefined)]);
  let timer: NodeJS.Timeout | undefined;
  const firstLook = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, lookAfterMs);
  }).then(look);
  // A first look that finds nothing does not end the wait.
  const found = firstLook.then((decision) => decision ?? STILL_WAITING);
  try {
    const first = await Promise.race([over, found]);
    return first === STILL_WAITING ? await over : first;
  } finally {
    clearTimeout(timer);
    isOver = true;
  }
}

interface LedgerAnswer {
  receipt: Receipt;
  contentHash: string;
  receivedAt: string;
}

export type FindAnswer = (message: IncomingMessage) => Promise<LedgerAnswer | null>;

const isSameMoment = (a: string, b: string) => Date.parse(a) === Date.parse(b);

function outcomeOf(message: IncomingMessage, { receipt, contentHash, receivedAt }: LedgerAnswer) {
  if (contentHash !== message.contentHash) {
    return { kind: 'conflict', tenantId: receipt.tenantId } as const;
  }
  const isFirst =
    isSameMoment(receivedAt, message.receivedAt) && receipt.traceId === message.traceId;
  return { kind: isFirst ? 'resolved' : 'replayed', receipt } as const;
}

/** Reads from the ledger what a worker would have replied. Undefined also while Postgres is away. */
export async function lookIntoLedger(
  findAnswer: FindAnswer,
  message: IncomingMessage,
): Promise<Decision | undefined> {
  try {
    const answer = await within(LOOK_WITHIN_MS, findAnswer(message), 'postgres');
    return answer === null ? undefined : { outcome: outcomeOf(message, answer), parked: false };
  } catch {
    return undefined;
  }
}

/** The requests that wait for an outcome. A client that hangs up ends one wait, the end of the process ends all. */
export function createOpenWaits() {
  const cancels = new Set<() => void>();
  return {
    open(): { cancelled: Promise<void>; cancel: () => void; close: () => void } {
      let cancel = () => {};
      const cancelled = new Promise<void>((resolve) => {
        cancel = resolve;
      });
      cancels.add(cancel);
      return { cancelled, cancel, close: () => void cancels.delete(cancel) };
    },
    cancelAll(): void {
      for (const cancel of cancels) cancel();
    },
    get size() {
      return cancels.size;
    },
  };
}

export type OpenWaits = ReturnType<typeof createOpenWaits>;
