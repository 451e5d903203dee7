import { expect, it, onTestFinished } from 'vitest';
import { createBell, createFreezeGuard } from '../src/deliver/run-shard.ts';

it('a bell does not lose a ring that comes before the wait', async () => {
  const bell = createBell();
  bell.ring();
  await bell.wait(60_000);
  expect(bell.isRung()).toBe(true);
});

it('a ring ends a wait', async () => {
  const bell = createBell();
  const woken = bell.wait(60_000);
  bell.ring();
  await woken;
});

it('a cleared bell waits no longer than the given time', async () => {
  const bell = createBell();
  bell.ring();
  bell.clear();
  await bell.wait(1);
  expect(bell.isRung()).toBe(false);
});

it('a nudge ends the current wait or the next one, and is no ring', async () => {
  const bell = createBell();
  const woken = bell.wait(60_000);
  bell.nudge();
  await woken;
  bell.nudge();
  await bell.wait(60_000);
  expect(bell.isRung()).toBe(false);
  expect(bell.rings()).toBe(0);
});

it('a bell counts its rings, also those that were cleared', () => {
  const bell = createBell();
  bell.ring();
  bell.clear();
  bell.ring();
  expect(bell.rings()).toBe(2);
});

function guardWithClock(longestMs: number) {
  let now = 0;
  const guard = createFreezeGuard(longestMs, () => now);
  onTestFinished(() => guard.stop());
  const pass = (ms: number) => {
    now += ms;
  };
  return { guard, pass };
}

it('a freeze guard sees a stretch of time in which nothing ran', () => {
  const { guard, pass } = guardWithClock(60_000);
  pass(60_001);
  expect(guard.wasFrozen()).toBe(true);
});

it('a freeze guard does not take many short stretches for a long one', () => {
  const { guard, pass } = guardWithClock(60_000);
  for (let look = 0; look < 10; look += 1) {
    pass(30_000);
    expect(guard.wasFrozen()).toBe(false);
  }
});

it('a freeze guard stays frozen, because the work in hand is lost for good', () => {
  const { guard, pass } = guardWithClock(60_000);
  pass(60_001);
  guard.wasFrozen();
  pass(1);
  expect(guard.wasFrozen()).toBe(true);
});
