import type { Logger } from '@contour/runtime';
import { type Lane, type PendingMessage, type Pool, readPending, takeLanes } from '@contour/store';
import type { Bell } from './bell.ts';
import { type DialogDeps, type DialogEnd, deliverDialog } from './deliver-dialog.ts';
import type { Slots } from './slots.ts';

export interface ShardDeps extends DialogDeps {
  pool: Pool;
  slots: Slots;
  coreIsAvailable: () => boolean;
  /** Rings at a wake-up for this shard, when one of its dialogs ends, and when a slot comes free. */
  bell: Bell;
  logger: Logger;
}

const MESSAGES_PER_LANE = 50;
/** After this long a run lets go of its shard, so that another worker may have it. */
const YIELD_AFTER_MS = 1_000;
/** ... but no longer than this it waits for its dialogs to end: a slow one must not stop the rest. */
const LETTING_GO_MS = 250;
const LONGEST_WAIT_MS = 1_000;

/** `more`: the run let go though there may be work left, so the shard wants another wake-up. */
export type ShardEnd = 'nothing_due' | 'more';

/** Takes what is due, as many as there are places for, no more of one tenant than it may hold. */
async function take(deps: ShardDeps, shard: number, inHand: ReadonlySet<string>): Promise<Lane[]> {
  const { pool, slots } = deps;
  const lanes = await takeLanes(pool, {
    shard,
    limit: slots.free(),
    notDialogs: [...inHand],
    notTenants: slots.fullTenants(),
  });
  const taken: Lane[] = [];
  for (const lane of lanes) {
    if (!slots.hasRoom(lane.tenantId)) continue;
    slots.take(lane.tenantId);
    taken.push(lane);
  }
  return taken;
}

async function readOrRelease(
  deps: ShardDeps,
  lanes: Lane[],
): Promise<Map<string, PendingMessage[]>> {
  try {
    return await readPending(deps.pool, lanes, MESSAGES_PER_LANE);
  } catch (error) {
    for (const { tenantId } of lanes) deps.slots.release(tenantId);
    throw error;
  }
}

/** Nothing was hidden from the last look: there was a place, for every tenant, and no call since. */
const sawEverything = (slots: Slots, bell: Bell): boolean =>
  slots.free() > 0 && slots.fullTenants().length === 0 && !bell.isRung();

/**
 * Works a shard's lanes off: while it runs, it alone holds their dialogs. It takes what is due,
 * refills as dialogs end, and ends when nothing is due or when Core is away for everybody.
 */
export async function runShard(deps: ShardDeps, shard: number): Promise<ShardEnd> {
  const { slots, bell, logger } = deps;
  const inHand = new Set<string>();
  let isHeldBack = false;
  let letGoAt = performance.now() + YIELD_AFTER_MS;

  const deliver = async (lane: Lane, messages: PendingMessage[]): Promise<void> => {
    let end: DialogEnd = 'left';
    try {
      end = await deliverDialog(deps, lane, messages, messages.length === MESSAGES_PER_LANE);
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

  try {
    for (;;) {
      if (performance.now() >= letGoAt) {
        if (await drained(LETTING_GO_MS)) return 'more';
        letGoAt = performance.now() + YIELD_AFTER_MS;
      }
      bell.clear();
      if (mayTake() && slots.free() > 0) {
        const lanes = await take(deps, shard, inHand);
        const pending = lanes.length > 0 ? await readOrRelease(deps, lanes) : new Map();
        for (const lane of lanes) {
          inHand.add(lane.dialogId);
          void deliver(lane, pending.get(lane.dialogId) ?? []);
        }
      }
      if (inHand.size === 0 && (!mayTake() || sawEverything(slots, bell))) return 'nothing_due';
      await bell.wait(LONGEST_WAIT_MS);
    }
  } finally {
    // Whatever ends the run, its dialogs are in nobody else's hands before they are out of these.
    while (inHand.size > 0) await drained(LONGEST_WAIT_MS);
  }
}
