import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createHealth } from '../src/supervision.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a probe that hangs is given up after two seconds, and called once for all requests', async () => {
  let calls = 0;
  const hanging = {
    name: 'database',
    title: 'The database',
    isRequired: true,
    ask: () => {
      calls += 1;
      return new Promise<void>(() => {});
    },
  };
  const checks = createHealth({ probes: [hanging], counts: [], isLeaving: () => false });
  const answers = Promise.all([checks.health(), checks.health(), checks.readiness()]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await answers).toEqual([
    { status: 'unavailable', database: false },
    { status: 'unavailable', database: false },
    { status: 'unready', reasons: ['The database is away'], warnings: [] },
  ]);
  expect(calls).toBe(1);
});

test('conditions that cannot be checked refuse requests', async () => {
  const there = async () => {};
  const fitness = {
    check: () => Promise.reject(new Error('no answer')),
    unknown: 'Cannot check the tables',
  };
  const probe = { name: 'database', title: 'The database', isRequired: true, ask: there, fitness };
  const checks = createHealth({ probes: [probe], counts: [], isLeaving: () => false });
  expect(await checks.readiness()).toEqual({
    status: 'unready',
    reasons: ['Cannot check the tables'],
    warnings: [],
  });
});

test('a count of 0, and one that cannot be read, mean degraded', async () => {
  for (const read of [async () => 0, () => Promise.reject(new Error('no answer'))]) {
    const counts = [{ name: 'workers', read, none: 'no worker lives' }];
    const checks = createHealth({ probes: [], counts, isLeaving: () => false });
    expect(await checks.health()).toEqual({ status: 'degraded', workers: 0 });
  }
});
