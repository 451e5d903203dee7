import type { DueLane } from '@contour/store';
import type { Bell } from './bell.ts';
import { MESSAGES_PER_LANE, type Take } from './create-taker.ts';
import { type DialogDeps, type DialogEnd, deliverDialog } from './deliver-dialog.ts';
import type { Slots } from './slots.ts';

export interface ShardDeps extends DialogDeps {
  take: Take;
  slots: Slots;
  coreIsAvailable: () => boolean;
  /** Rings at a wake-up for this shard, when one of its dialogs ends, and when a slot comes free. */
  bell: Bell;
  /** Others ring the bell from now on, in place of waking the shard through the queue. */
  listen: () => void;
  /** Settles when they do not any more. */
  stopListening: () => Promise<void>;
}

/** After this long a run lets go of its shard, so that another worker may have it. */
const YIELD_AFTER_MS = 1_000;
/** ... but no longer than this it waits for its dialogs to end: a slow one must not stop the rest. */
const LETTING_GO_MS = 250;
const LONGEST_WAIT_MS = 1_000;
/** A run stays for what may come next: to begin one costs more than to hold a shard that is empty. */
const LINGER_MS = 250;

/** `more`: the run let go though there may be work left, so the shard wants another wake-up. */
export type ShardEnd = 'nothing_due' | 'more';

/** Nothing was hidden from the last look: there was a place, for every tenant, and no call since. */
const sawEverything = (slots: Slots, bell: Bell): boolean =>
  slots.free() > 0 && slots.rooms().every(({ room }) => room > 0) && !bell.isRung();

/**
 * Works a shard's lanes off: while it runs, it alone holds their dialogs. It takes what is due, refills as
 * dialogs end, and ends when nothing has been due for a while, or when Core is away for everybody.
 */
export async function runShard(deps: ShardDeps, shard: number): Promise<ShardEnd> {
  const { slots, bell, logger } = deps;
  const inHand = new Set<string>();
  let isHeldBack = false;
  let letGoAt = performance.now() + YIELD_AFTER_MS;

  const deliver = async (lane: DueLane): Promise<void> => {
    let end: DialogEnd = 'left';
    try {
      const hasMore = lane.messages.length === MESSAGES_PER_LANE;
      end = await deliverDialog(deps, lane, lane.messages, hasMore);
    } catch (err) {
      logger.warn({ err, dialog_id: lane.dialogId }, 'dialog.left');
    } finally {
      isHeldBack ||= end === 'held' || end === 'left';
      inHand.delete(lane.dialogId);
      slots.release(lane.tenantId);
      bell.ring();
    }
  };

  const mayTake = () => !isHeldBack && !deps.mustStop() && deps.coreIsAvailable();

  const drained = async (withinMs: number): Promise<boolean> => {
    const until = performance.now() + withinMs;
    while (inHand.size > 0 && performance.now() < until) {
      bell.clear();
      await bell.wait(until - performance.now());
    }
    return inHand.size === 0;
  };

  /** Takes what is due. True when there is nothing to do, neither taken nor to be taken. */
  const isIdleAfterLook = async (): Promise<boolean> => {
    bell.clear();
    // Who calls it would be heard by nobody who may act on it.
    if (!mayTake()) void deps.stopListening();
    else if (slots.free() > 0) {
      for (const lane of await deps.take(shard, inHand)) {
        inHand.add(lane.dialogId);
        void deliver(lane);
      }
    }
    return inHand.size === 0 && (!mayTake() || sawEverything(slots, bell));
  };

  const isCalledAgain = async (): Promise<boolean> => {
    if (mayTake()) await bell.wait(LINGER_MS);
    return bell.isRung();
  };

  try {
    deps.listen();
    for (;;) {
      if (performance.now() >= letGoAt) {
        if (await drained(LETTING_GO_MS)) return 'more';
        letGoAt = performance.now() + YIELD_AFTER_MS;
      }
      if (!(await isIdleAfterLook())) await bell.wait(LONGEST_WAIT_MS);
      else if (!(await isCalledAgain())) {
        // Whoever rings the bell after the last look rings it for nobody, and will know: it has to be the last.
        await deps.stopListening();
        if (await isIdleAfterLook()) return 'nothing_due';
        deps.listen();
      }
    }
  } finally {
    void deps.stopListening();
    // Whatever ends the run, its dialogs are in nobody else's hands before they are out of these.
    while (inHand.size > 0) await drained(LONGEST_WAIT_MS);
  }
}
