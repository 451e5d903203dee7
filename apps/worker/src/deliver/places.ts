import type { DueLane } from '@contour/store/lanes';

type Held = Pick<DueLane, 'tenantId' | 'bytes'>;

export type Places = ReturnType<typeof createPlaces>;

/**
 * A worker's places for dialogs under way, shared by all shards that it runs. Each tenant with a dialog under way may
 * hold an equal share, so a tenant whose Core is slow leaves the rest to the others. A tenth is a reserve for tenants that
 * hold none, or one of many places: if a tenant was alone and holds all the rest, others get a place before its first
 * dialog ends. `onRoom` is called when places come free that a tenant may have lacked: at once if it may have had too
 * few, and if it held its whole share, once a quarter of that is free. Otherwise each dialog of a tenant with many lanes
 * that ends would cost a look.
 *
 * Places alone do not bound the payloads that a worker holds before it sends them: a hundred lanes of many big messages
 * would fill its memory. A lane of which only a part was read is taken again when that part has been sent, so big messages
 * delay no other lane.
 */
export function createPlaces(o: { total: number; bytes: number; onRoom: () => void }) {
  const { total, onRoom } = o;
  const reserve = total > 1 ? Math.ceil(total / 10) : 0;
  /** A tenant may use the reserve until it holds this many places. */
  const mostOfReserve = Math.min(2, Math.ceil(reserve / 2));
  const heldBy = new Map<string, number>();
  let held = 0;
  let bytesHeld = 0;

  const free = () => total - held;
  const shareAmong = (tenants: number) => Math.max(1, Math.floor((total - reserve) / tenants));

  const roomOf = (own: number): number => {
    const share = shareAmong(heldBy.size + (own === 0 ? 1 : 0));
    const ofReserve = Math.min(free(), mostOfReserve - own);
    return Math.max(0, Math.min(share - own, Math.max(free() - reserve, ofReserve)));
  };

  /** Whether a tenant may have so many more that it is worth a look: each look costs about the same. */
  const isWorthALook = (own: number): boolean =>
    roomOf(own) >= Math.max(1, shareAmong(Math.max(1, heldBy.size)) >> 2);

  /** Whether a tenant that held its whole share may hold more, now that another tenant has left. */
  const isAnyBetween = (formerShare: number): boolean => {
    if (heldBy.size === 0) return false;
    const share = shareAmong(heldBy.size);
    return [...heldBy.values()].some((own) => own >= formerShare && own < share);
  };

  return {
    free,
    /** How many more bytes may be read. The first message of a lane is read in any case, because places bound the lanes. */
    freeBytes: () => Math.max(0, o.bytes - bytesHeld),
    take({ tenantId, bytes }: Held): void {
      held += 1;
      bytesHeld += bytes;
      heldBy.set(tenantId, (heldBy.get(tenantId) ?? 0) + 1);
    },
    release({ tenantId, bytes }: Held): void {
      const own = heldBy.get(tenantId) ?? 0;
      const share = shareAmong(heldBy.size);
      const wereOthersShort = free() === 0 || (free() === reserve && heldBy.size > 1);
      const wasWorthALook = isWorthALook(own);
      held -= 1;
      bytesHeld -= bytes;
      if (own > 1) heldBy.set(tenantId, own - 1);
      else heldBy.delete(tenantId);
      const hasRoomNow = !wasWorthALook && isWorthALook(own - 1);
      if (wereOthersShort || hasRoomNow || (own === 1 && isAnyBetween(share))) onRoom();
    },
    hasRoom: (tenantId: string): boolean => roomOf(heldBy.get(tenantId) ?? 0) > 0,
    /** How many more places each tenant may hold that holds any. */
    rooms: () => [...heldBy].map(([tenantId, own]) => ({ tenantId, room: roomOf(own) })),
    /** How many places a tenant may hold that holds none yet. */
    roomOfOthers: () => roomOf(0),
  };
}
