import type { Core } from '@contour/core';
import type { Logger } from '@contour/runtime';
import type { DueLane } from '@contour/store/lanes';
import { type DialogDeps, type DialogEnd, deliverDialog } from './deliver-dialog.ts';
import type { Places } from './places.ts';
import type { Take } from './take-lanes.ts';

export interface ShardDeps extends DialogDeps {
  logger: Pick<Logger, 'info' | 'warn'>;
  take: Take;
  places: Places;
  /** Not available while every push would be held back. One tenant's open circuit does not end the run of the others. */
  core: Pick<Core, 'push' | 'available'>;
  /** Rings when something may have become due in this shard, and when a place comes free that it may have lacked. */
  bell: Bell;
  /** From now on others ring the bell, instead of waking the shard through the queue. May be called again. */
  listen: () => void;
  /** Settles when others do not ring the bell any more. */
  stopListening: () => Promise<void>;
}

/** After this long a run lets go of its shard, so that another worker may have it ... */
const YIELD_AFTER_MS = 1_000;
/** ... but it waits no longer than this for its dialogs to end: a slow one must not stop the rest. */
const LETTING_GO_MS = 250;
/** A run looks at the lanes at least this often. */
const LOOK_EVERY_MS = 1_000;
/** A run without work stays this long: to begin one costs more than to hold a shard that is empty. */
const LINGER_MS = 1_000;

/**
 * Delivers the lanes of a shard: while it runs, it alone holds their dialogs. It takes what is due, takes more as dialogs
 * end, and ends when nothing has been due for a while, or when Core is away for all tenants. Next: `take-lanes.ts` reads
 * due lanes, and `deliver-dialog.ts` delivers one lane. Resolves with `more` if it let go although there may be work
 * left, so the shard needs another wake-up.
 */
export async function runShard(deps: ShardDeps, shard: number): Promise<'nothing_due' | 'more'> {
  const { bell } = deps;
  const dialogs = openDialogs(deps, shard);
  let letGoAt = performance.now() + YIELD_AFTER_MS;

  const waitForCall = async (): Promise<boolean> => {
    const until = performance.now() + LINGER_MS;
    while (dialogs.mayTake() && !bell.isRung() && performance.now() < until) {
      await bell.wait(until - performance.now());
    }
    return bell.isRung();
  };

  try {
    for (;;) {
      if (performance.now() >= letGoAt) {
        // A run that waits for its dialogs takes nothing meanwhile, and a slow dialog does not end in that time.
        if (!dialogs.isAnySlow() && (await dialogs.waitForEnd(LETTING_GO_MS))) return 'more';
        dialogs.retryLeft();
        letGoAt = performance.now() + YIELD_AFTER_MS;
      }
      // Unsubscribe while we cannot take work, or a ring would be lost.
      if (dialogs.mayTake()) deps.listen();
      else void deps.stopListening();
      if (dialogs.mustLook()) await dialogs.look();
      if (!dialogs.isIdle()) await bell.wait(dialogs.msUntilLook());
      else if (!(await waitForCall())) {
        // A ring after the last look would be lost. So unsubscribe first: then the caller wakes the shard in the queue.
        await deps.stopListening();
        await dialogs.look();
        if (dialogs.isIdle()) return 'nothing_due';
        // Others did not ring for what came during that look.
        dialogs.lookAgain();
      }
    }
  } finally {
    void deps.stopListening();
    // Whatever ended the run: it keeps the shard until none of its dialogs is in hand.
    while (!(await dialogs.waitForEnd(LOOK_EVERY_MS)));
  }
}

/** The dialogs that one run has in hand, and its looks for more. */
function openDialogs(deps: ShardDeps, shard: number) {
  const { places, bell, logger } = deps;
  /** The dialogs under way, and since when. */
  const inHand = new Map<string, number>();
  /** Dialogs that this run could not continue for a reason of their own. It tries them again when it may yield. */
  const leftAlone = new Set<string>();
  let lookAt = 0;
  let mayHaveMissed = false;

  async function deliver(lane: DueLane, ringsBefore: number): Promise<void> {
    let end: DialogEnd = 'left';
    try {
      end = await deliverDialog(deps, lane, lane.messages, lane.hasMore);
    } catch (err) {
      logger.warn({ err, dialog_id: lane.dialogId }, 'dialog.left');
    } finally {
      if (end === 'left') leftAlone.add(lane.dialogId);
      inHand.delete(lane.dialogId);
      places.release(lane);
      // Every look passed over messages that came into this dialog meanwhile, because it was in hand.
      mayHaveMissed ||= lane.hasMore || bell.rings() > ringsBefore;
      bell.nudge();
    }
  }

  const mayTake = () => !deps.mustStop() && deps.core.available();

  /** Nothing was hidden from the last look: there was a place for every tenant, and no ring since. */
  const sawEverything = () =>
    places.free() > 0 && places.rooms().every(({ room }) => room > 0) && !bell.isRung();

  return {
    mayTake,
    async look(): Promise<void> {
      lookAt = performance.now() + LOOK_EVERY_MS;
      mayHaveMissed = false;
      bell.clear();
      if (!mayTake() || places.free() === 0) return;
      const ringsBefore = bell.rings();
      const { lanes, mayBeMore } = await deps.take(shard, [...inHand.keys(), ...leftAlone]);
      for (const lane of lanes) {
        inHand.set(lane.dialogId, performance.now());
        void deliver(lane, ringsBefore);
      }
      if (mayBeMore) {
        mayHaveMissed = true;
        bell.nudge();
      }
    },
    mustLook: () => mayHaveMissed || bell.isRung() || performance.now() >= lookAt || !mayTake(),
    msUntilLook: () => lookAt - performance.now(),
    lookAgain(): void {
      lookAt = 0;
    },
    /** No dialog is in hand, and there is none to be taken. */
    isIdle: () => inHand.size === 0 && (!mayTake() || (!mayHaveMissed && sawEverything())),
    isAnySlow(): boolean {
      const before = performance.now() - LETTING_GO_MS;
      return [...inHand.values()].some((since) => since < before);
    },
    /** Returns whether all dialogs ended in time. */
    async waitForEnd(withinMs: number): Promise<boolean> {
      const until = performance.now() + withinMs;
      while (inHand.size > 0 && performance.now() < until) {
        bell.clear();
        await bell.wait(until - performance.now());
      }
      lookAt = 0; // rings of that time were cleared
      return inHand.size === 0;
    },
    retryLeft: () => leftAlone.clear(),
  };
}

export type Bell = ReturnType<typeof createBell>;

/** A run waits for its bell, which may ring at any time. A ring before the wait is not lost. */
export function createBell() {
  let rings = 0;
  let cleared = 0;
  let isNudged = false;
  let wakeWaiter: (() => void) | undefined;
  const isRung = () => rings > cleared;
  return {
    ring(): void {
      rings += 1;
      wakeWaiter?.();
    },
    rings: () => rings,
    /** Forgets earlier rings. Clear it before a look, so that it rings again for what comes during the look. */
    clear(): void {
      cleared = rings;
    },
    isRung,
    /** Ends the current wait, or the next one, for another reason than a ring. */
    nudge(): void {
      isNudged = true;
      wakeWaiter?.();
    },
    /** Resolves at the next ring or nudge, or after the time. */
    wait(timeoutMs: number): Promise<void> {
      if (isRung() || isNudged) {
        isNudged = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer);
          wakeWaiter = undefined;
          isNudged = false;
          resolve();
        };
        const timer = setTimeout(finish, timeoutMs);
        wakeWaiter = finish;
      });
    },
  };
}

/**
 * Notices that this process was frozen for longer than other workers wait for it. Its shards have then been given to
 * another worker, so it must not continue the dialogs in hand.
 */
export function createFreezeGuard(longestMs: number, now = () => performance.now()) {
  let lastSeen = now();
  let frozen = false;
  // `wasFrozen` looks, too: after a freeze an answer from the network may come before the timer.
  const look = () => {
    const seen = now();
    frozen ||= seen - lastSeen > longestMs;
    lastSeen = seen;
  };
  const timer = setInterval(look, Math.min(500, longestMs / 4));
  timer.unref();
  return {
    wasFrozen(): boolean {
      look();
      return frozen;
    },
    stop: () => clearInterval(timer),
  };
}
