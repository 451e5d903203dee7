import { setTimeout as delay } from 'node:timers/promises';
import type { Core } from '@contour/core';
import { createBatcher } from '@contour/runtime';
import { type DueLane, type LaneMarks, type Pool, takeDue, type Wanted } from '@contour/store';
import type { BytesInHand } from './bytes-in-hand.ts';
import type { Slots } from './slots.ts';
import { takeLimits } from './take-limits.ts';

/** A lane holds a place with all that was read of it. */
const MESSAGES_PER_LANE = 50;
/** After a look this many times its own time passes before the next, so that places gather while looks are dear ... */
const REST_SHARE = 2;
/** ... but no more than this. */
const LONGEST_REST_MS = 50;

interface Taken {
  lanes: DueLane[];
  /** There may be more, and there are places for it by now. */
  mayBeMore: boolean;
}

/** Takes what is due in a shard, but for the dialogs in hand; a place is held for each lane. */
export type Take = (shard: number, notDialogs: readonly string[]) => Promise<Taken>;

/** Whether a tenant has got as many places as it could have. */
function isAnyAtItsLimit(due: readonly DueLane[], most: number, rooms: Wanted['rooms']): boolean {
  const roomOf = new Map(rooms.map(({ tenantId, room }) => [tenantId, room]));
  const got = new Map<string, number>();
  for (const { tenantId } of due) got.set(tenantId, (got.get(tenantId) ?? 0) + 1);
  return [...got].some(([tenantId, lanes]) => lanes >= (roomOf.get(tenantId) ?? most));
}

interface TakerDeps {
  pool: Pool;
  slots: Slots;
  core: Pick<Core, 'limits' | 'startRound'>;
  bytes: BytesInHand;
  marks: LaneMarks;
}

/**
 * Takes for all shards that ask meanwhile in one statement: as many lanes as there are places for, no
 * more of one tenant than it may hold, none that Core's circuits would hold back, and beside the first message of each
 * no more than fit into memory.
 */
export function createTaker({ pool, slots, core, bytes, marks }: TakerDeps): Take {
  let lookAgainAt = 0;

  /** A tenant with many due lanes makes every look dear: each walks past them, also when the tenant may have no more. */
  async function lookAtLanes(wanted: Wanted): Promise<DueLane[]> {
    const startedAt = performance.now();
    try {
      return await takeDue(pool, wanted, marks);
    } finally {
      const endedAt = performance.now();
      lookAgainAt = endedAt + Math.min((endedAt - startedAt) * REST_SHARE, LONGEST_REST_MS);
    }
  }

  const batcher = createBatcher<{ shard: number; notDialogs: readonly string[] }, Taken>({
    maxSize: 1_000,
    maxInFlight: 1,
    async run(asks) {
      const restMs = lookAgainAt - performance.now();
      if (restMs >= 1) await delay(restMs);
      const { lanes, lanesPerTenant, rooms } = takeLimits(slots, core.limits());
      if (lanes === 0) return asks.map(() => ({ lanes: [], mayBeMore: false }));
      const wanted = {
        shards: asks.map(({ shard }) => shard),
        lanes,
        messagesPerLane: MESSAGES_PER_LANE,
        bytes: bytes.free(),
        notDialogs: asks.flatMap((ask) => ask.notDialogs),
        lanesPerTenant,
        rooms,
      };
      const due = await lookAtLanes(wanted);
      const taken = new Map<number, DueLane[]>(asks.map(({ shard }) => [shard, []]));
      for (const lane of due) {
        if (!slots.hasRoom(lane.tenantId)) continue;
        slots.take(lane.tenantId);
        bytes.take(lane.bytes);
        taken.get(lane.shard)?.push(lane);
      }
      // A place that comes free while the question is on its way rings for no tenant that lacked it.
      const isRoundOver = due.length === 0 && core.startRound();
      const mayBeMore =
        isRoundOver ||
        // The lanes of a tenant that has got all it may have can hide those of others: the next look passes over them.
        (slots.free() > 0 && (due.length >= lanes || isAnyAtItsLimit(due, lanesPerTenant, rooms)));
      return asks.map(({ shard }) => ({ lanes: taken.get(shard) ?? [], mayBeMore }));
    },
  });
  return (shard, notDialogs) => batcher.push({ shard, notDialogs });
}
