import { setImmediate as lookedAt } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createBatcher } from '../src/batcher.ts';

/** A batcher of numbers whose runs end when the test says so. */
function setUp({ maxSize = 3, maxInFlight = 1 } = {}) {
  const runs: { items: number[]; finish: (results?: number[]) => void; fail: () => void }[] = [];
  const batcher = createBatcher<number, number>({
    run: (items) =>
      new Promise((resolve, reject) => {
        const finish = (results = items.map((item) => item * 10)) => resolve(results);
        runs.push({ items, finish, fail: () => reject(new Error('away')) });
      }),
    maxSize,
    maxInFlight,
  });
  const started = () => runs.map(({ items }) => items);
  return { batcher, runs, started };
}

describe('createBatcher', () => {
  test('starts at once when idle, with all items of the same turn', async () => {
    const { batcher, runs, started } = setUp();
    const results = Promise.all([batcher.push(1), batcher.push(2)]);
    await lookedAt();
    expect(started()).toEqual([[1, 2]]);
    runs[0]?.finish();
    expect(await results).toEqual([10, 20]);
  });

  test('gathers items while runs are in flight, up to maxSize', async () => {
    const { batcher, runs, started } = setUp({ maxSize: 3, maxInFlight: 2 });
    const results: Promise<number>[] = [];
    for (let item = 1; item <= 7; item++) {
      results.push(batcher.push(item));
      await lookedAt();
    }
    expect(started()).toEqual([[1], [2]]);
    runs[1]?.finish();
    expect(await results[1]).toBe(20);
    expect(started()).toEqual([[1], [2], [3, 4, 5]]);
    runs[0]?.finish();
    await results[0];
    expect(started().at(-1)).toEqual([6, 7]);
    for (const { finish } of runs) finish();
    expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50, 60, 70]);
  });

  test('an item that may wait goes with the next one that may not', async () => {
    const { batcher, runs, started } = setUp();
    const results = [batcher.push(1, 60_000), batcher.push(2, 60_000)];
    await lookedAt();
    expect(started()).toEqual([]);
    results.push(batcher.push(3));
    await lookedAt();
    expect(started()).toEqual([[1, 2, 3]]);
    results.push(batcher.push(4, 60_000));
    runs[0]?.finish();
    expect(await Promise.all(results.slice(0, 3))).toEqual([10, 20, 30]);
    expect(started()).toHaveLength(1);
    results.push(batcher.push(5));
    await lookedAt();
    expect(started().at(-1)).toEqual([4, 5]);
    runs[1]?.finish();
    await Promise.all(results);
  });

  test('an item that may wait goes after its time, also during a run', async () => {
    const { batcher, runs, started } = setUp();
    const first = batcher.push(1);
    await lookedAt();
    const second = batcher.push(2, 1);
    runs[0]?.finish();
    await first;
    await expect.poll(started).toEqual([[1], [2]]);
    runs[1]?.finish();
    expect(await second).toBe(20);
  });

  test('a run that fails rejects its own items, and the next run starts', async () => {
    const { batcher, runs, started } = setUp({ maxSize: 2 });
    const settled = Promise.allSettled([1, 2, 3].map((item) => batcher.push(item)));
    await lookedAt();
    runs[0]?.fail();
    await expect.poll(started).toEqual([[1, 2], [3]]);
    runs[1]?.finish();
    expect((await settled).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'fulfilled',
    ]);
  });

  test('too few results are an error for all of the batch', async () => {
    const { batcher, runs } = setUp();
    const settled = Promise.allSettled([batcher.push(1), batcher.push(2)]);
    await lookedAt();
    runs[0]?.finish([10]);
    const error = new Error('a batch of 2 got 1 results');
    expect(await settled).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
  });

  test('a run that throws before it returns is a run that fails', async () => {
    const batcher = createBatcher<number, number>({
      run: () => {
        throw new Error('at once');
      },
      maxSize: 1,
      maxInFlight: 1,
    });
    await expect(batcher.push(1)).rejects.toThrow('at once');
  });
});
