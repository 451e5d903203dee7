import { expect, test } from 'vitest';
import { priorityFor, REPLAY_PRIORITY } from '../src/jobs/resolve-jobs.ts';

test.each([
  [0, 0],
  [99, 0],
  [100, 1],
  [999, 1],
  [1_000, 2],
  [1_000_000, 2],
])('an account with %i waiting messages has priority %i', (waiting, priority) => {
  expect(priorityFor(waiting)).toBe(priority);
});

test('a replay comes after every account', () => {
  expect(REPLAY_PRIORITY).toBeGreaterThan(priorityFor(Number.POSITIVE_INFINITY));
});
