/** A worker's places for dialogs under way, shared by all shards that it runs. */
export interface Slots {
  free(): number;
  take(tenantId: string): void;
  release(tenantId: string): void;
  hasRoom(tenantId: string): boolean;
  /** As many as one tenant may hold. */
  mostPerTenant: number;
  /** How many more a tenant may hold, of those that hold any. */
  rooms(): Array<{ tenantId: string; room: number }>;
}

/**
 * A tenant whose Core is slow holds at most half of the places, so the others always move. `onRoom` is called when
 * a place comes free that somebody may have lacked.
 */
export function createSlots(total: number, onRoom: () => void): Slots {
  const heldBy = new Map<string, number>();
  const mostPerTenant = Math.max(1, Math.ceil(total / 2));
  let held = 0;
  const heldOf = (tenantId: string) => heldBy.get(tenantId) ?? 0;
  return {
    free: () => total - held,
    take(tenantId) {
      held += 1;
      heldBy.set(tenantId, heldOf(tenantId) + 1);
    },
    release(tenantId) {
      const wasShort = held === total || heldOf(tenantId) >= mostPerTenant;
      held -= 1;
      const left = heldOf(tenantId) - 1;
      if (left > 0) heldBy.set(tenantId, left);
      else heldBy.delete(tenantId);
      if (wasShort) onRoom();
    },
    hasRoom: (tenantId) => held < total && heldOf(tenantId) < mostPerTenant,
    mostPerTenant,
    rooms: () =>
      [...heldBy].map(([tenantId, count]) => ({ tenantId, room: mostPerTenant - count })),
  };
}
