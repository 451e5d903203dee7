import { describe, expect, test } from 'vitest';
import { retryDelayMs } from '../src/backoff.ts';

describe('retryDelayMs', () => {
  test('doubles from one second to five minutes', () => {
    const longest = Array.from({ length: 12 }, (_, i) => retryDelayMs(i + 1, () => 1) / 1000);
    expect(longest).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  test('jitter takes at most half away', () => {
    expect(retryDelayMs(4, () => 0)).toBe(4000);
    expect(retryDelayMs(4, () => 0.5)).toBe(6000);
  });

  test('Retry-After lengthens a delay and never shortens one', () => {
    expect(retryDelayMs(1, () => 1, 30_000)).toBe(30_000);
    expect(retryDelayMs(8, () => 1, 30_000)).toBe(128_000);
  });

  test('Retry-After counts for an hour at most', () => {
    expect(retryDelayMs(1, () => 1, 86_400_000)).toBe(3_600_000);
  });
});
