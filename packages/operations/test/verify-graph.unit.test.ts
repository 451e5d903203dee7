import type { MirrorBacklog } from '@contour/contract';
import type { Drain } from '@contour/graph';
import { expect, test } from 'vitest';
import { type CatchUpDeps, catchUp } from '../src/graph/verify-graph.ts';

/** A mirror whose drains end like this, one after another, and a backlog that shrinks with each. */
function depsOf(ends: Array<Drain['ended'] | Error>, rows: number[], oldestSeconds = 60) {
  let drains = 0;
  const progress: Array<[number, number]> = [];
  const deps: CatchUpDeps = {
    mirror: {
      async drain() {
        const ended = ends[Math.min(drains, ends.length - 1)] ?? 'done';
        drains += 1;
        if (ended instanceof Error) throw ended;
        return { rows: 0, ended };
      },
    },
    source: {
      backlog: async () =>
        ({ rows: rows[Math.min(drains, rows.length - 1)] ?? 0, oldestSeconds }) as MirrorBacklog,
    },
    hasRefused: () => false,
    onProgress: (done, total) => progress.push([done, total]),
    lookEveryMs: 1,
  };
  return { deps, progress, drains: () => drains };
}

test('it drains until nothing is left, and shows progress', async () => {
  const { deps, progress, drains } = depsOf(['done'], [9, 4, 0]);
  expect(await catchUp(deps)).toBe(true);
  expect(drains()).toBe(2);
  expect(progress).toContainEqual([5, 9]);
  expect(progress).toContainEqual([9, 9]);
});

test('it waits while a worker has the turn', async () => {
  const { deps, drains } = depsOf(['busy', 'busy', 'done'], [3, 3, 3, 0]);
  expect(await catchUp(deps)).toBe(true);
  expect(drains()).toBe(3);
});

test('rows that came after the call are not waited for', async () => {
  const { deps, drains } = depsOf(['done'], [3, 2], 0);
  expect(await catchUp(deps)).toBe(true);
  expect(drains()).toBe(1);
});

test('it ends when only rows are left that the graph refuses', async () => {
  const { deps, drains } = depsOf(['done'], [3, 1]);
  expect(await catchUp({ ...deps, hasRefused: () => true })).toBe(false);
  expect(drains()).toBe(1);
});

test('four failures in a row are retried, the fifth is thrown', async () => {
  const away = new Error('Neo4j is away');
  const recovering = depsOf([away, away, away, away, 'done'], [3, 3, 3, 3, 3, 0]);
  expect(await catchUp(recovering.deps)).toBe(true);
  const { deps, drains } = depsOf([away], [3]);
  await expect(catchUp(deps)).rejects.toThrow(away);
  expect(drains()).toBe(5);
});
