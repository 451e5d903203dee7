import { describe, expect, test } from 'vitest';
import { parseRetryAfter, retryDelay } from '../src/retry.ts';

const POLICY = { firstMs: 1000, maxMs: 300_000, maxRetryAfterMs: 3_600_000 };
const NOW = Date.UTC(2024, 11, 10, 10, 0, 0);

describe('retryDelay', () => {
  test('doubles from the first delay to the longest', () => {
    const longest = Array.from({ length: 12 }, (_, i) => retryDelay(POLICY, i + 1, () => 1) / 1000);
    expect(longest).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  test('jitter takes at most half away', () => {
    expect(retryDelay(POLICY, 4, () => 0)).toBe(4000);
    expect(retryDelay(POLICY, 4, () => 0.5)).toBe(6000);
  });

  test('Retry-After lengthens a delay and never shortens one', () => {
    expect(retryDelay(POLICY, 1, () => 1, 30_000)).toBe(30_000);
    expect(retryDelay(POLICY, 8, () => 1, 30_000)).toBe(128_000);
  });

  test('Retry-After counts for as long as the policy allows', () => {
    expect(retryDelay(POLICY, 1, () => 1, 86_400_000)).toBe(3_600_000);
  });
});

describe('parseRetryAfter', () => {
  test.each([
    ['0', 0],
    [' 7 ', 7000],
    ['999999999999999999999', 1e24],
    ['Tue, 10 Dec 2024 10:00:30 GMT', 30_000],
    ['Tuesday, 10-Dec-24 10:00:30 GMT', 30_000],
    ['Tue Dec 10 10:00:30 2024', 30_000],
    ['Tue, 10 Dec 2024 09:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
  ])('reads %j as %j ms', (value, ms) => {
    expect(parseRetryAfter(value, NOW)).toBe(ms);
  });
});
