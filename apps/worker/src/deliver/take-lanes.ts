import { setTimeout as delay } from 'node:timers/promises';
import type { Core, Limits } from '@contour/core';
import { createBatcher } from '@contour/runtime';
import type { DueLane, Wanted } from '@contour/store/lanes';
import type { Places } from './places.ts';

/** A lane holds its place until all that was read of it is sent. */
const MESSAGES_PER_LANE = 50;
/** Bound of the payloads of one look, which holds up every lane that it takes. First messages of lanes do not count. */
const BYTES_PER_LOOK = 1024 * 1024;
/** After a look this many times its own time passes before the next, so that places gather while looks are dear ... */
const REST_SHARE = 2;
/** ... but no more than this. */
const LONGEST_REST_MS = 50;

interface Taken {
  lanes: DueLane[];
  /** There may be more due lanes, and there are places for them now. */
  mayBeMore: boolean;
}

/** Takes due lanes of a shard, except those of these dialogs, and holds a place for each. */
export type Take = (shard: number, notDialogs: readonly string[]) => Promise<Taken>;

interface TakerDeps {
  /** Reads due lanes from Postgres. */
  takeDue: (wanted: Wanted) => Promise<DueLane[]>;
  places: Places;
  core: Pick<Core, 'limits' | 'startRound'>;
}

/**
 * Takes lanes for all shards that ask at the same time in one statement: as many lanes as there are places, for each
 * tenant no more than it may hold, none that Core's circuits would hold back, and beside the first message of each
 * lane only as many as fit into memory. Next: `takeDue` in the store.
 */
export function createTaker({ takeDue, places, core }: TakerDeps): Take {
  let lookAgainAt = 0;

  /** Due lanes of a tenant make every look dear: each look passes over all of them, also if the tenant has no room. */
  async function lookAtLanes(wanted: Wanted): Promise<DueLane[]> {
    const startedAt = performance.now();
    try {
      return await takeDue(wanted);
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
      const limits = takeLimits(places, core.limits());
      const { lanes, lanesPerTenant, rooms } = limits;
      if (lanes === 0) return asks.map(() => ({ lanes: [], mayBeMore: false }));
      const due = await lookAtLanes({
        shards: asks.map(({ shard }) => shard),
        lanes,
        messagesPerLane: MESSAGES_PER_LANE,
        bytes: Math.min(places.freeBytes(), BYTES_PER_LOOK),
        notDialogs: asks.flatMap((ask) => ask.notDialogs),
        lanesPerTenant,
        rooms: [...rooms].map(([tenantId, room]) => ({ tenantId, room })),
      });
      const taken = new Map<number, DueLane[]>(asks.map(({ shard }) => [shard, []]));
      for (const lane of due) {
        if (!places.hasRoom(lane.tenantId)) continue;
        places.take(lane);
        taken.get(lane.shard)?.push(lane);
      }
      // A place that comes free during the look does not ring for a tenant that lacked it.
      const isRoundOver = due.length === 0 && core.startRound();
      const mayBeMore =
        isRoundOver ||
        // The lanes of a tenant that has got all it may have can hide those of others: the next look passes over them.
        (places.free() > 0 && (due.length >= lanes || isAnyAtItsLimit(due, limits)));
      return asks.map(({ shard }) => ({ lanes: taken.get(shard) ?? [], mayBeMore }));
    },
  });
  return (shard, notDialogs) => batcher.push({ shard, notDialogs });
}

/** How many lanes may be taken now: as many as there are places, and as may be sent to Core. */
function takeLimits(places: Places, core: Limits) {
  const roomOfOthers = places.roomOfOthers();
  const rooms = new Map(
    places.rooms().map(({ tenantId, room }) => [tenantId, Math.min(room, core.perTenant)]),
  );
  for (const { tenantId, room } of core.rooms) {
    rooms.set(tenantId, Math.min(room, rooms.get(tenantId) ?? roomOfOthers));
  }
  return {
    lanes: Math.min(places.free(), core.total),
    lanesPerTenant: Math.min(roomOfOthers, core.perTenant),
    rooms,
  };
}

/** Whether a tenant has got as many places as it may have. */
function isAnyAtItsLimit(
  due: readonly DueLane[],
  { lanesPerTenant, rooms }: ReturnType<typeof takeLimits>,
): boolean {
  const got = new Map<string, number>();
  for (const { tenantId } of due) got.set(tenantId, (got.get(tenantId) ?? 0) + 1);
  return [...got].some(([tenantId, lanes]) => lanes >= (rooms.get(tenantId) ?? lanesPerTenant));
}
