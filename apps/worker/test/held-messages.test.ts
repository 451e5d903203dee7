import { expect, test } from 'vitest';
import { createHeldMessages } from '../src/resolve/held-messages.ts';

test('a message, and a repeat of it, waits for its next try; another content does not', () => {
  let now = 0;
  const held = createHeldMessages(() => now);
  const message = { messageId: 'm', contentHash: 'h' };
  expect(held.leftMs(message)).toBe(0);
  held.hold(message, 2_000);
  now = 500;
  expect(held.leftMs({ ...message })).toBe(1_500);
  expect(held.leftMs({ ...message, contentHash: 'other' })).toBe(0);
  now = 2_000;
  expect(held.leftMs(message)).toBe(0);
});
