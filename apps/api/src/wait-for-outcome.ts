import type { Outcome } from '@contour/contract';

/** How a message ended, and, where nobody has it, whether the dead-letter queue does. */
export interface Ending {
  outcome: Outcome;
  parked: boolean;
}

interface Wait {
  /** What the worker tells; undefined when the time is over. */
  told: Promise<Ending | undefined>;
  /** Settles when there is no sense in waiting on: the sender hung up, or the process ends. */
  cancelled: Promise<void>;
  /** Looks into the ledger. Bounded, and never rejects: not to know is undefined. */
  look: () => Promise<Ending | undefined>;
  /** Done when the time is over, before the last look. */
  beforeLastLook: () => Promise<void>;
  lookAfterMs: number;
}

const STILL_WAITING = Symbol();

/**
 * The way to an answer although replies may get lost:
 *
 *   0 … lookAfterMs   wait to be told
 *   lookAfterMs       look into the ledger once, and go on listening meanwhile
 *   the end           look once more; not when the wait was cancelled
 */
export async function waitForOutcome(wait: Wait): Promise<Ending | undefined> {
  const { told, cancelled, look, beforeLastLook, lookAfterMs } = wait;
  let isOver = false;
  const end = told.then((ending) => {
    if (ending !== undefined || isOver) return ending;
    return beforeLastLook().then(look);
  });
  const over = Promise.race([end, cancelled.then(() => undefined)]);
  let timer: NodeJS.Timeout | undefined;
  const firstLook = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, lookAfterMs);
  }).then(look);
  // Finding nothing ends nothing: the race must go on then.
  const found = firstLook.then((ending) => ending ?? STILL_WAITING);
  try {
    const first = await Promise.race([over, found]);
    return first === STILL_WAITING ? await over : first;
  } finally {
    clearTimeout(timer);
    isOver = true;
  }
}
