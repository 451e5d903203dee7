import { AppError } from '@contour/contract';
import { expect, test } from 'vitest';
import { createMirrorRun } from '../src/roles/graph.ts';

function bundle() {
  const told: string[] = [];
  let now = 0;
  let drains = 0;
  let failure: Error | undefined;
  const note = (_fields: unknown, event?: string) => void told.push(event ?? String(_fields));
  const logger = { info: note, warn: note, error: note, debug: () => undefined } as never;
  const drain = async () => {
    drains += 1;
    if (failure) throw failure;
    return { rows: 1, ended: 'done' as const };
  };
  const run = createMirrorRun({ drain }, logger, () => now);
  return {
    told,
    run: () => run(new AbortController().signal),
    drains: () => drains,
    pass: (ms: number) => {
      now += ms;
    },
    fail: (error: Error | undefined) => {
      failure = error;
    },
  };
}

const away = new AppError('neo4j_unavailable', 'away', undefined);

test('rests while Neo4j is away, longer each time up to 5 s, and logs it once', async () => {
  const { run, told, drains, pass, fail } = bundle();
  fail(away);
  await run();
  await run();
  expect(drains()).toBe(1);
  for (const restMs of [1_000, 2_000, 4_000, 5_000, 5_000]) {
    pass(restMs - 1);
    await run();
    const before = drains();
    pass(1);
    await run();
    expect(drains()).toBe(before + 1);
  }
  expect(told).toEqual(['graph.away']);
});

test('logs that Neo4j is back, and rests no more', async () => {
  const { run, told, drains, pass, fail } = bundle();
  fail(away);
  await run();
  fail(undefined);
  pass(1_000);
  await run();
  await run();
  expect(drains()).toBe(3);
  expect(told).toEqual(['graph.away', 'graph.back']);
});

test('does not log a bug, or a graph that refuses everything, as an outage', async () => {
  const { run, told, fail, pass } = bundle();
  fail(new AppError('unexpected', 'Neo4j could not do it', undefined));
  await run();
  pass(1_000);
  await run();
  expect(told).toEqual(['graph.failed', 'graph.failed']);
  fail(new TypeError('a bug'));
  pass(2_000);
  await expect(run()).rejects.toThrow('a bug');
});
