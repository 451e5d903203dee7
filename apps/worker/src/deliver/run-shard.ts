import type { DueLane } from '@contour/store';
import type { Bell } from './bell.ts';
import type { BytesInHand } from './bytes-in-hand.ts';
import type { Take } from './create-taker.ts';
import { type DialogDeps, type DialogEnd, deliverDialog } from './deliver-dialog.ts';
import type { Slots } from './slots.ts';

export interface ShardDeps extends DialogDeps {
  take: Take;
  slots: Slots;
  bytes: BytesInHand;
  /** False while every push would be held back. One tenant's open circuit does not end the run of the others. */
  coreIsAvailable: () => boolean;
  /** Rings when something may have become due in this shard, and when a place comes free that it may have lacked. */
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
/** So often it looks in any case. */
const LOOK_EVERY_MS = 1_000;
/** A run stays for what may come next: to begin one costs more than to hold a shard that is empty. */
const LINGER_MS = 1_000;

/** `more`: the run let go though there may be work left, so the shard wants another wake-up. */
export type ShardEnd = 'nothing_due' | 'more';

/** Nothing was hidden from the last look: there was a place, for every tenant, and no call since. */
const sawEverything = (slots: Slots, bell: Bell): boolean =>
  slots.free() > 0 && slots.rooms().every(({ room }) => room > 0) && !bell.isRung();

/**
 * Works a shard's lanes off: while it runs, it alone holds their dialogs. It takes what is due, refills as
 * dialogs end, and ends when nothing has been due for a while, or when Core is away for all tenants.
 */
export async function runShard(deps: ShardDeps, shard: number): Promise<ShardEnd> {
  const { slots, bytes, bell, logger } = deps;
  /** The dialogs under way, and since when. */
  const inHand = new Map<string, number>();
  /** Dialogs that this run could not continue for a reason of their own. The run tries them again when it may yield. */
  const leftAlone = new Set<string>();
  let letGoAt = performance.now() + YIELD_AFTER_MS;
  let lookAt = 0;
  let mayHaveMissed = false;

  const deliver = async (lane: DueLane, ringsBefore: number): Promise<void> => {
    const { hasMore } = lane;
    let end: DialogEnd = 'left';
    try {
      end = await deliverDialog(deps, lane, lane.messages, hasMore);
    } catch (err) {
      logger.warn({ err, dialog_id: lane.dialogId }, 'dialog.left');
    } finally {
      if (end === 'left') leftAlone.add(lane.dialogId);
      inHand.delete(lane.dialogId);
      slots.release(lane.tenantId);
      bytes.release(lane.bytes);
      // What has come into the dialog since was passed over by every look: it was in hand.
      mayHaveMissed ||= hasMore || bell.rings() > ringsBefore;
      bell.nudge();
    }
  };

  const mayTake = () => !deps.mustStop() && deps.coreIsAvailable();

  const waitForDialogs = async (withinMs: number): Promise<boolean> => {
    const until = performance.now() + withinMs;
    while (inHand.size > 0 && performance.now() < until) {
      bell.clear();
      await bell.wait(until - performance.now());
    }
    lookAt = 0; // what rang meanwhile was cleared
    return inHand.size === 0;
  };

  const hasSlowDialog = (): boolean => {
    const before = performance.now() - LETTING_GO_MS;
    return [...inHand.values()].some((since) => since < before);
  };

  let isListening = false;

  const listen = (): void => {
    if (!isListening) deps.listen();
    isListening = true;
  };

  const stopListening = async (): Promise<void> => {
    isListening = false;
    await deps.stopListening();
  };

  const look = async (): Promise<void> => {
    lookAt = performance.now() + LOOK_EVERY_MS;
    mayHaveMissed = false;
    bell.clear();
    if (!mayTake() || slots.free() === 0) return;
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
  };

  const mustLook = () =>
    mayHaveMissed || bell.isRung() || performance.now() >= lookAt || !mayTake();

  /** There is nothing to do, neither taken nor to be taken. */
  const isIdle = () =>
    inHand.size === 0 && (!mayTake() || (!mayHaveMissed && sawEverything(slots, bell)));

  const waitForCall = async (): Promise<boolean> => {
    const until = performance.now() + LINGER_MS;
    while (mayTake() && !bell.isRung() && performance.now() < until) {
      await bell.wait(until - performance.now());
    }
    return bell.isRung();
  };

  try {
    for (;;) {
      if (performance.now() >= letGoAt) {
        // A run that waits for its dialogs takes nothing meanwhile, and a slow one does not end in that time.
        if (!hasSlowDialog() && (await waitForDialogs(LETTING_GO_MS))) return 'more';
        leftAlone.clear();
        letGoAt = performance.now() + YIELD_AFTER_MS;
      }
      // Who calls a run that may not act on it would be heard by nobody.
      if (mayTake()) listen();
      else void stopListening();
      if (mustLook()) await look();
      if (!isIdle()) await bell.wait(lookAt - performance.now());
      else if (!(await waitForCall())) {
        // Whoever rings the bell after the last look rings it for nobody, and will know: it has to be the last.
        await stopListening();
        await look();
        if (isIdle()) return 'nothing_due';
        // What came during that look was told to nobody.
        lookAt = 0;
      }
    }
  } finally {
    void stopListening();
    // Whatever ends the run, its dialogs are in nobody else's hands before they are out of these.
    while (inHand.size > 0) await waitForDialogs(LOOK_EVERY_MS);
  }
}
