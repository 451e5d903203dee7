import { expect, it } from 'vitest';
import { createSlots } from '../src/deliver/slots.ts';

it('gives one tenant at most half of the places', () => {
  const slots = createSlots(4, () => undefined);
  slots.take('slow');
  expect(slots.hasRoom('slow')).toBe(true);
  slots.take('slow');
  expect(slots.hasRoom('slow')).toBe(false);
  expect(slots.rooms()).toEqual([{ tenantId: 'slow', room: 0 }]);
  expect(slots.hasRoom('other')).toBe(true);
});

it('has a place for a tenant even when there is only one place', () => {
  expect(createSlots(1, () => undefined).hasRoom('any')).toBe(true);
});

it('has room again once a place is released, and says so to whoever may have lacked it', () => {
  let calls = 0;
  const slots = createSlots(4, () => {
    calls += 1;
  });
  slots.take('a');
  slots.release('a');
  expect([slots.free(), calls]).toEqual([4, 0]);
  slots.take('a');
  slots.take('a');
  slots.release('a');
  expect([slots.hasRoom('a'), calls]).toEqual([true, 1]);
  for (const tenant of ['b', 'c', 'd']) slots.take(tenant);
  slots.release('b');
  expect([slots.free(), calls]).toEqual([1, 2]);
});
