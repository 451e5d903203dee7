import { expect, it } from 'vitest';
import { createSlots } from '../src/deliver/slots.ts';

it('gives one tenant at most half of the places', () => {
  const slots = createSlots(4, () => undefined);
  slots.take('slow');
  expect(slots.hasRoom('slow')).toBe(true);
  slots.take('slow');
  expect(slots.hasRoom('slow')).toBe(false);
  expect(slots.fullTenants()).toEqual(['slow']);
  expect(slots.hasRoom('other')).toBe(true);
});

it('has a place for a tenant even when there is only one place', () => {
  expect(createSlots(1, () => undefined).hasRoom('any')).toBe(true);
});

it('has room again once a place is released, and says so', () => {
  let released = 0;
  const slots = createSlots(2, () => {
    released += 1;
  });
  slots.take('a');
  slots.release('a');
  expect([slots.free(), slots.hasRoom('a'), released]).toEqual([2, true, 1]);
});
