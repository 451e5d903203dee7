import { describe, expect, test } from 'vitest';
import { classify, retryDelayMs } from '../src/classify.ts';

const NOW = Date.UTC(2024, 11, 10, 10, 0, 0);
const RETRIED = [404, 408, 425, 429];

function expected(status: number): string {
  if (status <= 299) return 'delivered';
  return status >= 500 || RETRIED.includes(status) ? 'retry' : 'refused';
}

describe('classify', () => {
  test.each(Array.from({ length: 400 }, (_, i) => 200 + i))(
    'status %i has its verdict',
    (status) => {
      const verdict = classify({ kind: 'status', status }, NOW);
      expect(verdict.outcome).toBe(expected(status));
      if (verdict.outcome !== 'delivered') expect(verdict.code).toBe(`http_${status}`);
    },
  );

  test.each(['timeout', 'network'] as const)('a %s is retried', (kind) => {
    const verdict = classify({ kind, detail: 'gone' }, NOW);
    expect(verdict).toEqual({ outcome: 'retry', code: kind });
  });

  test.each([
    ['0', 0],
    ['7', 7000],
    [' 7 ', 7000],
    ['3600', 3_600_000],
    ['999999999999999999999', 3_600_000],
    ['Tue, 10 Dec 2024 10:00:30 GMT', 30_000],
    ['Tuesday, 10-Dec-24 10:00:30 GMT', 30_000],
    ['Tue Dec 10 10:00:30 2024', 30_000],
    ['Tue, 10 Dec 2024 09:00:00 GMT', 0],
    ['Tue, 10 Dec 2030 10:00:00 GMT', 3_600_000],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
  ])('Retry-After %j means %j ms', (retryAfter, ms) => {
    const verdict = classify({ kind: 'status', status: 503, retryAfter }, NOW);
    const wait = ms === undefined ? {} : { retryAfterMs: ms };
    expect(verdict).toEqual({ outcome: 'retry', code: 'http_503', ...wait });
  });

  test('a refusal is final whatever its Retry-After says', () => {
    const verdict = classify({ kind: 'status', status: 400, retryAfter: '5' }, NOW);
    expect(verdict).toEqual({ outcome: 'refused', code: 'http_400' });
  });
});

describe('the delay after an attempt', () => {
  test('doubles from one second to five minutes', () => {
    const longest = Array.from({ length: 12 }, (_, i) => retryDelayMs(i + 1, () => 1) / 1000);
    expect(longest).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  test('is shortened by half at most, by the jitter', () => {
    expect(retryDelayMs(4, () => 0)).toBe(4000);
    expect(retryDelayMs(4, () => 0.5)).toBe(6000);
  });

  test('is lengthened by Retry-After and never shortened', () => {
    expect(retryDelayMs(1, () => 1, 30_000)).toBe(30_000);
    expect(retryDelayMs(8, () => 1, 30_000)).toBe(128_000);
  });

  test('is an hour at most, whatever Core asks for', () => {
    expect(retryDelayMs(1, () => 1, 86_400_000)).toBe(3_600_000);
  });
});
