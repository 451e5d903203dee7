import { createBatcher } from '@contour/runtime';
import { type DueLane, type Pool, takeDue } from '@contour/store';
import type { Slots } from './slots.ts';

/** A lane holds a place with all that was read of it. */
export const MESSAGES_PER_LANE = 50;

/** Takes what is due in a shard, but for the dialogs in hand; a place is held for each lane. */
export type Take = (shard: number, inHand: ReadonlySet<string>) => Promise<DueLane[]>;

/**
 * Takes for all shards that ask meanwhile in one statement: as many lanes as there are places for, no
 * more of one tenant than it may hold.
 */
export function createTaker(pool: Pool, slots: Slots): Take {
  const batcher = createBatcher<{ shard: number; inHand: ReadonlySet<string> }, DueLane[]>({
    maxSize: 1_000,
    maxInFlight: 1,
    async run(asks) {
      const free = slots.free();
      if (free === 0) return asks.map(() => []);
      const due = await takeDue(pool, {
        shards: asks.map(({ shard }) => shard),
        lanes: free,
        messagesPerLane: MESSAGES_PER_LANE,
        notDialogs: asks.flatMap(({ inHand }) => [...inHand]),
        lanesPerTenant: slots.mostPerTenant,
        rooms: slots.rooms(),
      });
      const taken = new Map<number, DueLane[]>(asks.map(({ shard }) => [shard, []]));
      for (const lane of due) {
        if (!slots.hasRoom(lane.tenantId)) continue;
        slots.take(lane.tenantId);
        taken.get(lane.shard)?.push(lane);
      }
      return asks.map(({ shard }) => taken.get(shard) ?? []);
    },
  });
  return (shard, inHand) => batcher.push({ shard, inHand });
}
