import type { RedisReport } from '@contour/queue';
import { type OldSnapshot, oldestSnapshots, type Pool } from '@contour/store';
import { expect, it, test } from 'vitest';
import { checkClock, isAtLeast } from '../src/doctor/check.ts';
import { checkSnapshots } from '../src/doctor/postgres.ts';
import { checksOf } from '../src/doctor/redis.ts';

/** The check of a server with these holders of snapshots. */
const checkOf = async (...rows: OldSnapshot[]) =>
  checkSnapshots(await oldestSnapshots({ query: async () => ({ rows }) } as never as Pool));

const DUMP = { holder: 'session 7 (pg_dump)', seconds: 1_200, transactions: 10 };
const YOUNG = { holder: 'session 8 (report)', seconds: 60, transactions: 5 };
const SLOT = { holder: 'replication slot gone', seconds: null, transactions: 6_000_000 };

it('shows the age of the oldest snapshot', async () => {
  expect(await checkOf(YOUNG)).toMatchObject({
    state: 'ok',
    detail: 'oldest open for 1 min',
  });
  expect(await checkOf()).toMatchObject({ state: 'ok' });
});

it('warns of a transaction that has been open for a long time, and names it', async () => {
  expect(await checkOf(YOUNG, DUMP)).toMatchObject({
    state: 'warn',
    detail: 'session 7 (pg_dump), open for 20 min',
  });
});

it('warns of a replication slot that is many transactions behind', async () => {
  expect(await checkOf(SLOT, YOUNG)).toMatchObject({
    state: 'warn',
    detail: 'replication slot gone, 6000000 transactions behind',
  });
});

test('a clock may be half a second off, ahead or behind', () => {
  expect(checkClock('redis', -450)).toMatchObject({ check: 'redis clock', state: 'ok' });
  expect(checkClock('redis', 600)).toMatchObject({ detail: '0.6 s ahead of this one' });
  expect(checkClock('redis', -90_000)).toMatchObject({
    state: 'warn',
    detail: '90.0 s behind this one',
    advice: expect.stringContaining('NTP'),
  });
});

test.each([
  ['7.2.4', 7, 0, true],
  ['6.0.16', 6, 2, false],
  ['6.2.1', 6, 2, true],
  ['16.4 (Debian 16.4-1)', 14, 0, true],
  ['2025.09.0', 5, 0, true],
  ['unknown', 5, 0, false],
])('version %s is at least %i.%i: %s', (version, major, minor, is) => {
  expect(isAtLeast(version, major, minor)).toBe(is);
});

const BACKLOG = { waiting: 10, delayed: 0, active: 0, memoryUsed: 2 ** 20, memoryLimit: 0 };
const FACTS = { version: '7.2.4', maxmemoryPolicy: 'noeviction', aof: true, isReplica: false };

/** What differs from ok in a report with this change, by check. */
function concernsOf(change: { facts?: object; backlog?: object } & Partial<RedisReport>) {
  const report = {
    ...{ appendfsync: 'everysec', clockAheadMs: 0, liveWorkers: 1, queues: [], ...change },
    facts: { ...FACTS, ...change.facts },
    backlog: { ...BACKLOG, ...change.backlog },
  } as RedisReport;
  const checks = checksOf('redis://127.0.0.1', report, 100);
  return checks.flatMap(({ state, check, detail }) =>
    state === 'ok' ? [] : [`${state} ${check}: ${detail}`],
  );
}

test.each([
  [{}, []],
  [{ facts: { version: '6.0.16' } }, ['FAIL redis version: 6.0.16']],
  [{ facts: { version: '6.2.1' } }, ['warn redis version: 6.2.1']],
  [{ facts: { maxmemoryPolicy: 'allkeys-lru' } }, ['FAIL redis eviction: allkeys-lru']],
  [{ facts: { aof: false } }, ['warn redis persistence: no append-only file']],
  [{ appendfsync: 'no' }, ['warn redis persistence: append-only file, appendfsync no']],
  [{ facts: { isReplica: true } }, ['FAIL redis writes: a replica accepts none']],
  [{ backlog: { memoryLimit: 1.25 * 2 ** 20 } }, ['warn redis memory: 1.0 MB of 1.3 MB used']],
  [
    { backlog: { memoryLimit: 1.05 * 2 ** 20 } },
    ['FAIL redis memory: 1.0 MB of 1.1 MB used: the API refuses messages'],
  ],
  [{ liveWorkers: 0 }, ['warn workers: none at work']],
  [{ backlog: { delayed: 50 } }, ['warn backlog: 60 of at most 100 jobs in resolve']],
  [
    { backlog: { active: 91 } },
    ['FAIL backlog: 101 of at most 100 jobs in resolve: the API refuses messages'],
  ],
  [{ queues: [{ queue: 'graph', isPaused: true }] }, ['warn queues: paused: graph']],
])('a Redis with %j has these concerns: %j', (change, concerns) => {
  expect(concernsOf(change as never)).toEqual(concerns);
});
