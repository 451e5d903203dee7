import { expect, it } from 'vitest';
import { createBytesInHand } from '../src/deliver/bytes-in-hand.ts';

it('has as many bytes free as are not in hand, and none when more are in hand than may be', () => {
  const bytes = createBytesInHand(100);
  bytes.take(60);
  expect(bytes.free()).toBe(40);
  bytes.take(60);
  expect(bytes.free()).toBe(0);
  bytes.release(60);
  expect(bytes.free()).toBe(40);
});
