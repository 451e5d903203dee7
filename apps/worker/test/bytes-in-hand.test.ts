import { expect, it } from 'vitest';
import { createBytesInHand } from '../src/deliver/bytes-in-hand.ts';

function open(most: number) {
  const rings = { count: 0 };
  const bytes = createBytesInHand(most, () => {
    rings.count += 1;
  });
  return { bytes, rings };
}

it('is spent when as much is in hand as may be', () => {
  const { bytes, rings } = open(100);
  bytes.take(60);
  expect([bytes.free(), bytes.areSpent()]).toEqual([40, false]);
  bytes.take(60);
  expect([bytes.free(), bytes.areSpent()]).toEqual([0, true]);
  bytes.release(60);
  expect([bytes.free(), bytes.areSpent(), rings.count]).toEqual([40, false, 1]);
});

it('is spent while something did not fit beside what is in hand, until that is less', () => {
  const { bytes, rings } = open(100);
  bytes.take(60);
  bytes.noteShort();
  expect(bytes.areSpent()).toBe(true);
  bytes.release(60);
  expect([bytes.areSpent(), rings.count]).toEqual([false, 1]);
});

it('waits for no release where nothing is in hand', () => {
  const { bytes } = open(100);
  bytes.noteShort();
  expect(bytes.areSpent()).toBe(false);
});

it('does not ring when there was room before', () => {
  const { bytes, rings } = open(100);
  bytes.take(60);
  bytes.release(60);
  expect(rings.count).toBe(0);
});
