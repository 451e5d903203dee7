import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createWatchdog } from '../src/watchdog.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function setUp() {
  const world = { completed: 0, isWorkWaiting: async () => true };
  const onStuck = vi.fn();
  const watchdog = createWatchdog({
    intervalMs: 1000,
    stuckAfterMs: 5000,
    isWorkWaiting: () => world.isWorkWaiting(),
    completed: () => world.completed,
    onStuck,
  });
  onTestFinished(watchdog.stop);
  return { world, onStuck, watchdog };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('work that waits while nothing is completed is stuck, and is reported once', async () => {
  const { onStuck } = setUp();
  await pass(5000);
  expect(onStuck).not.toHaveBeenCalled();
  await pass(1000);
  expect(onStuck).toHaveBeenCalledOnce();
  await pass(60_000);
  expect(onStuck).toHaveBeenCalledOnce();
});

test('one completion starts the count again', async () => {
  const { world, onStuck } = setUp();
  await pass(4500);
  world.completed += 1;
  await pass(5000);
  expect(onStuck).not.toHaveBeenCalled();
  await pass(1000);
  expect(onStuck).toHaveBeenCalledOnce();
});

test('a worker without waiting work is never stuck', async () => {
  const { world, onStuck } = setUp();
  world.isWorkWaiting = async () => false;
  await pass(60_000);
  expect(onStuck).not.toHaveBeenCalled();
});

test('a look that fails starts the count again', async () => {
  const { world, onStuck } = setUp();
  await pass(4500);
  world.isWorkWaiting = () => Promise.reject(new Error('away'));
  await pass(1000);
  world.isWorkWaiting = async () => true;
  await pass(5000);
  expect(onStuck).not.toHaveBeenCalled();
});

test('a look that hangs is not followed by another, and does not count as stuck', async () => {
  const { world, onStuck } = setUp();
  const look = vi.fn(() => new Promise<boolean>(() => {}));
  world.isWorkWaiting = look;
  await pass(60_000);
  expect(look).toHaveBeenCalledOnce();
  expect(onStuck).not.toHaveBeenCalled();
});

test('it does not look after it was stopped', async () => {
  const { watchdog, onStuck } = setUp();
  watchdog.stop();
  expect(vi.getTimerCount()).toBe(0);
  await pass(60_000);
  expect(onStuck).not.toHaveBeenCalled();
});
