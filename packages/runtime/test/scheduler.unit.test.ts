import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type Duty, startScheduler } from '../src/scheduler.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function start(...duties: Duty[]) {
  const logged: unknown[] = [];
  const scheduler = startScheduler(duties, {
    warn: (fields: object, event: string) => void logged.push([event, fields]),
  });
  onTestFinished(() => scheduler.stop());
  return { scheduler, logged };
}

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1_000);

test('a duty runs at once and then every so many seconds, until the scheduler stops', async () => {
  const each = vi.fn(async () => {});
  const third = vi.fn(async () => {});
  const { scheduler } = start(
    { name: 'each', every: 1, run: each },
    { name: 'third', every: 3, run: third },
  );
  expect([each.mock.calls.length, third.mock.calls.length]).toEqual([1, 1]);
  await pass(5);
  expect([each.mock.calls.length, third.mock.calls.length]).toEqual([6, 2]);
  scheduler.stop();
  await pass(5);
  expect(each).toHaveBeenCalledTimes(6);
});

test('a duty that fails is logged by its name, and runs again', async () => {
  const error = new Error('away');
  const run = vi.fn(async () => Promise.reject(error));
  const { logged } = start({ name: 'index', every: 1, run });
  await pass(1);
  const line = ['pulse.failed', { err: error, duty: 'index' }];
  expect(logged).toEqual([line, line]);
});

test('a duty that hangs is not started twice, and does not delay the others', async () => {
  let finish = () => {};
  const slow = vi.fn(
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  const other = vi.fn(async () => {});
  start({ name: 'slow', every: 1, run: slow }, { name: 'other', every: 1, run: other });
  await pass(3);
  expect([slow.mock.calls.length, other.mock.calls.length]).toEqual([1, 4]);
  finish();
  await pass(1);
  expect(slow).toHaveBeenCalledTimes(2);
});
