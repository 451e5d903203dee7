import { expect, test } from 'vitest';
import { createTokenBuckets } from '../src/admission.ts';

function bucketsAt(rate: number) {
  const clock = { ms: 0 };
  return { clock, buckets: createTokenBuckets(rate, () => clock.ms) };
}

test('a second’s worth can be used at once, then it flows in evenly', () => {
  const { clock, buckets } = bucketsAt(4);
  expect([1, 2, 3, 4].map(() => buckets.take('a'))).toEqual([0, 0, 0, 0]);
  expect(buckets.take('a')).toBe(250);
  clock.ms += 250;
  expect(buckets.take('a')).toBe(0);
  expect(buckets.take('a')).toBe(250);
});

test('one caller does not use up another’s', () => {
  const { buckets } = bucketsAt(1);
  expect(buckets.take('a')).toBe(0);
  expect(buckets.take('b')).toBe(0);
  expect(buckets.take('a')).toBe(1000);
});

test('callers who are gone are forgotten', () => {
  const { clock, buckets } = bucketsAt(1);
  for (let n = 0; n < 10_000; n += 1) buckets.take(`caller-${n}`);
  clock.ms += 2000;
  buckets.take('one more');
  expect(buckets.size).toBe(1);
});
