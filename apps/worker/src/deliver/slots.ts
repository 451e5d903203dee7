/** A worker's places for dialogs under way, shared by all shards that it runs. */
export interface Slots {
  free(): number;
  take(tenantId: string): void;
  release(tenantId: string): void;
  hasRoom(tenantId: string): boolean;
  /** Tenants that hold all they may: their other lanes are not even looked at. */
  fullTenants(): string[];
}

/** A tenant whose Core is slow holds at most half of the places, so the others always move. */
export function createSlots(total: number, onRelease: () => void): Slots {
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
      held -= 1;
      const left = heldOf(tenantId) - 1;
      if (left > 0) heldBy.set(tenantId, left);
      else heldBy.delete(tenantId);
      onRelease();
    },
    hasRoom: (tenantId) => held < total && heldOf(tenantId) < mostPerTenant,
    fullTenants: () => [...heldBy.keys()].filter((tenantId) => heldOf(tenantId) >= mostPerTenant),
  };
}
