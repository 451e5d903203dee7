import { expect, it, onTestFinished } from 'vitest';
import { createFreezeGuard } from '../src/deliver/freeze-guard.ts';

function guardWithClock(longestMs: number) {
  let now = 0;
  const guard = createFreezeGuard(longestMs, () => now);
  onTestFinished(() => guard.stop());
  const pass = (ms: number) => {
    now += ms;
  };
  return { guard, pass };
}

it('sees a stretch of time in which nothing ran', () => {
  const { guard, pass } = guardWithClock(60_000);
  pass(60_001);
  expect(guard.wasFrozen()).toBe(true);
});

it('does not take many short stretches for a long one', () => {
  const { guard, pass } = guardWithClock(60_000);
  for (let look = 0; look < 10; look += 1) {
    pass(30_000);
    expect(guard.wasFrozen()).toBe(false);
  }
});

it('stays frozen: what was in hand then is lost for good', () => {
  const { guard, pass } = guardWithClock(60_000);
  pass(60_001);
  guard.wasFrozen();
  pass(1);
  expect(guard.wasFrozen()).toBe(true);
});
