import { expect, it } from 'vitest';
import { createBell } from '../src/deliver/bell.ts';

it('does not lose a ring that comes before the wait', async () => {
  const bell = createBell();
  bell.ring();
  await bell.wait(60_000);
  expect(bell.isRung()).toBe(true);
});

it('wakes who waits', async () => {
  const bell = createBell();
  const woken = bell.wait(60_000);
  bell.ring();
  await woken;
});

it('forgets what was cleared and then waits no longer than it is told', async () => {
  const bell = createBell();
  bell.ring();
  bell.clear();
  await bell.wait(1);
  expect(bell.isRung()).toBe(false);
});
