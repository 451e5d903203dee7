import { expect, test } from 'vitest';
import { failuresIn, plausibleTime, resolveDelayMs, TooLong } from '../src/jobs/consumer.ts';

test.each([
  ['a count', { failures: 3 }, 3],
  ['no progress', null, 0],
  ["BullMQ's own progress", 50, 0],
  ['a text', { failures: '3' }, 0],
  ['a negative number', { failures: -1 }, 0],
  ['a fraction', { failures: 1.5 }, 0],
])('the failures of a job whose progress is %s', (_, progress, failures) => {
  expect(failuresIn(progress)).toBe(failures);
});

test.each([-1, Number.NaN, Number.MAX_SAFE_INTEGER])('the time %d counts as the present', (ms) => {
  expect(Math.abs(plausibleTime(ms) - Date.now())).toBeLessThan(10_000);
});

test('a time of the past is kept, and one that clocks may differ by', () => {
  const soon = Date.now() + 60_000;
  expect([plausibleTime(0), plausibleTime(soon)]).toEqual([0, soon]);
});

test('data that are too long show their length', () => {
  expect(`${new TooLong(5)}`).toBe('(5 characters)');
});

test('the delay after a failure doubles up to 30 s', () => {
  const failures = [0, 1, 2, 3, 6, 100];
  expect(failures.map((count) => resolveDelayMs(count))).toEqual([
    ...[1_000, 1_000, 2_000, 4_000, 30_000, 30_000],
  ]);
  expect(failures.map((count) => resolveDelayMs(count, 250))).toEqual([
    ...[250, 250, 500, 1_000, 8_000, 30_000],
  ]);
});
