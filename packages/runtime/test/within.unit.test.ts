import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TimeoutError, within } from '../src/batcher.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('an answer in time is passed on, and no timer stays', async () => {
  expect(await within(1000, Promise.resolve(7), 'redis')).toBe(7);
  await expect(within(1000, Promise.reject(new Error('no')), 'redis')).rejects.toThrow('no');
  expect(vi.getTimerCount()).toBe(0);
});

test('an answer that is late is an error that names the server', async () => {
  const waited = within(1000, new Promise(() => {}), 'redis').catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1000);
  const error = await waited;
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ message: 'redis did not answer within 1000 ms' });
});

test('a failure after the time-out is ignored', async () => {
  let fail: (error: Error) => void = () => {};
  const late = new Promise((_, reject) => {
    fail = reject;
  });
  const waited = within(1000, late, 'redis').catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1000);
  fail(new Error('too late'));
  expect(await waited).toBeInstanceOf(TimeoutError);
});
