import type { OldSnapshot } from '@contour/store';
import { expect, it } from 'vitest';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { checkSnapshots } from '../src/doctor/check-snapshots.ts';

/** A server that answers the one question with these holders. */
const serverWith = (...rows: OldSnapshot[]) => ({ query: async () => ({ rows }) }) as never as Pool;

const DUMP = { holder: 'session 7 (pg_dump)', seconds: 1_200, transactions: 10 };
const YOUNG = { holder: 'session 8 (report)', seconds: 60, transactions: 5 };
const SLOT = { holder: 'replication slot gone', seconds: null, transactions: 6_000_000 };

it('says how old the oldest snapshot is', async () => {
  expect(await checkSnapshots(serverWith(YOUNG))).toMatchObject({
    state: 'ok',
    detail: 'oldest open for 1 min',
  });
  expect(await checkSnapshots(serverWith())).toMatchObject({ state: 'ok' });
});

it('warns of a transaction that has been open for long, and names it', async () => {
  expect(await checkSnapshots(serverWith(YOUNG, DUMP))).toMatchObject({
    state: 'warn',
    detail: 'session 7 (pg_dump), open for 20 min',
  });
});

it('warns of a slot behind which many transactions lie', async () => {
  expect(await checkSnapshots(serverWith(SLOT, YOUNG))).toMatchObject({
    state: 'warn',
    detail: 'replication slot gone, 6000000 transactions behind',
  });
});
