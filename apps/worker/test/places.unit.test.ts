import { describe, expect, it } from 'vitest';
import { createPlaces } from '../src/deliver/places.ts';

function setUp(total: number) {
  const state = { rings: 0 };
  const places = createPlaces({
    total,
    bytes: 100,
    onRoom: () => {
      state.rings += 1;
    },
  });
  const times = (count: number, what: typeof places.take, tenantId: string) => {
    for (let i = 0; i < count; i += 1) what({ tenantId, bytes: 0 });
  };
  return {
    places,
    rings: () => state.rings,
    take: (tenantId: string, count = 1) => times(count, places.take, tenantId),
    release: (tenantId: string, count = 1) => times(count, places.release, tenantId),
    /** Takes for as long as there is room, and returns how much that was. */
    fill(tenantId: string) {
      let taken = 0;
      for (; places.hasRoom(tenantId); taken += 1) times(1, places.take, tenantId);
      return taken;
    },
    roomOf: (tenantId: string) =>
      places.rooms().find((one) => one.tenantId === tenantId)?.room ?? places.roomOfOthers(),
  };
}

describe('createPlaces', () => {
  it('gives a tenant that is alone all places but the reserve', () => {
    const { fill, places, roomOf } = setUp(100);
    expect(roomOf('a')).toBe(90);
    expect(fill('a')).toBe(90);
    expect(places.free()).toBe(10);
    expect(places.rooms()).toEqual([{ tenantId: 'a', room: 0 }]);
  });

  it('keeps the reserve for tenants that hold none or one', () => {
    const { fill, places } = setUp(100);
    fill('a');
    for (const tenant of ['b', 'c', 'd', 'e', 'f']) expect(fill(tenant)).toBe(2);
    expect(places.free()).toBe(0);
  });

  it('gives tenants with something under way an equal share', () => {
    const { take, fill, places } = setUp(100);
    take('a');
    take('b');
    expect([fill('a') + 1, fill('b') + 1]).toEqual([45, 45]);
    take('c');
    expect(places.rooms().map(({ room }) => room)).toEqual([0, 0, 1]);
  });

  it('gives places beyond the share of a tenant to the others as they come free', () => {
    const { take, release, fill } = setUp(100);
    take('a', 90);
    expect(fill('b')).toBe(2);
    release('a', 20);
    expect([fill('a'), fill('b')]).toEqual([0, 18]);
    release('a', 30);
    expect([fill('b'), fill('a')]).toEqual([25, 5]);
  });

  it.each([1, 2, 3, 9])('has a place for a tenant if there are only %i', (total) => {
    const { fill, places } = setUp(total);
    expect(fill('a')).toBe(Math.max(1, total - 1));
    expect(places.hasRoom('b')).toBe(total > 1);
  });

  it('has at least a place for each tenant while one is free', () => {
    const { take, places } = setUp(10);
    for (let i = 0; i < 9; i += 1) take(`tenant ${i}`);
    expect(places.roomOfOthers()).toBe(1);
  });
});

describe('a place that comes free', () => {
  it('does not ring while there was room for all', () => {
    const { take, release, rings } = setUp(100);
    take('a', 5);
    take('b', 5);
    release('a', 3);
    release('b', 5);
    expect(rings()).toBe(0);
  });

  it('rings where its tenant held all that it may, once a quarter of that is free', () => {
    const { fill, take, release, rings } = setUp(100);
    take('b');
    take('b');
    expect(fill('a')).toBe(45);
    release('a', 10);
    expect(rings()).toBe(0);
    release('a', 1);
    expect(rings()).toBe(1);
    release('a', 20);
    expect(rings()).toBe(1);
  });

  it('rings at once where its tenant may hold only a few', () => {
    const { fill, release, rings } = setUp(4);
    fill('a');
    release('a');
    expect(rings()).toBe(1);
  });

  it('rings where only the reserve was left, and where none was', () => {
    const { fill, release, rings } = setUp(100);
    fill('a');
    for (const tenant of ['b', 'c', 'd', 'e', 'f']) fill(tenant);
    release('a');
    expect(rings()).toBe(1);
    release('a', 9);
    expect(rings()).toBe(1);
    release('a');
    expect(rings()).toBe(2);
  });

  it('rings where the last place of a tenant leaves a greater share to one that held its own', () => {
    const { take, fill, release, rings, roomOf } = setUp(100);
    take('a');
    take('b');
    take('c');
    fill('a');
    expect(roomOf('a')).toBe(0);
    release('c');
    expect([rings(), roomOf('a')]).toEqual([1, 15]);
  });
});

describe('the bytes in hand', () => {
  it('leave as many free as are not in hand, and none when more are in hand than may be', () => {
    const { places } = setUp(10);
    const lane = { tenantId: 'a', bytes: 60 };
    places.take(lane);
    expect(places.freeBytes()).toBe(40);
    places.take(lane);
    expect(places.freeBytes()).toBe(0);
    places.release(lane);
    expect(places.freeBytes()).toBe(40);
  });
});
