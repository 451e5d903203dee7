import { type OldSnapshot, oldestSnapshots, type Pool } from '@contour/store';
import { expect, it, test } from 'vitest';
import { checkClock, isAtLeast } from '../src/doctor/check.ts';
import { checkSnapshots } from '../src/doctor/postgres.ts';

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
