import type { Limits } from '@contour/core';
import type { Wanted } from '@contour/store';
import type { Slots } from './slots.ts';

/** How many lanes may be taken now: as many as there are places for, and as may be sent to Core. */
export function takeLimits(
  slots: Slots,
  core: Limits,
): Pick<Wanted, 'lanes' | 'lanesPerTenant' | 'rooms'> {
  const roomOfOthers = slots.roomOfOthers();
  const rooms = new Map(
    slots.rooms().map(({ tenantId, room }) => [tenantId, Math.min(room, core.perTenant)]),
  );
  for (const { tenantId, room } of core.rooms) {
    rooms.set(tenantId, Math.min(room, rooms.get(tenantId) ?? roomOfOthers));
  }
  return {
    lanes: Math.min(slots.free(), core.total),
    lanesPerTenant: Math.min(roomOfOthers, core.perTenant),
    rooms: [...rooms].map(([tenantId, room]) => ({ tenantId, room })),
  };
}
