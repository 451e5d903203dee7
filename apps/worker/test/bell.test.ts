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

it('wakes who waits, or waits next, for another reason, and has not rung', async () => {
  const bell = createBell();
  const woken = bell.wait(60_000);
  bell.nudge();
  await woken;
  bell.nudge();
  await bell.wait(60_000);
  expect(bell.isRung()).toBe(false);
  expect(bell.rings()).toBe(0);
});

it('says how often it has rung, whatever was cleared', () => {
  const bell = createBell();
  bell.ring();
  bell.clear();
  bell.ring();
  expect(bell.rings()).toBe(2);
});
