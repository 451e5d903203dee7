import { expect, it } from 'vitest';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { addTestTenant, switchTenant } from '../../../test/support/tenants.ts';
import {
  countWaiting,
  findReleasable,
  park,
  readWaiting,
  stopWaiting,
  takeParkedTurn,
  type WaitingEntry,
  type WaitingPlace,
} from '../src/dead-letters/index.ts';
import { openBundle } from './bundle.ts';
import { entry, letter, message, ROOM } from './letters.ts';

const received = (ms: number) => new Date(1_700_000_000_000 + ms).toISOString();

const parkAt = async (pool: Pool, fingerprint: string, times: readonly number[]) => {
  const entries = times.map((ms) =>
    entry({ message: message({ fingerprint, receivedAt: received(ms) }) }),
  );
  await park(
    pool,
    entries.map((one) => letter(one)),
    ROOM,
  );
  return entries.map(({ id }) => id);
};

const ids = (entries: readonly WaitingEntry[]) => entries.map(({ entry: { id } }) => id);

it('lists the active accounts for which entries wait', async () => {
  const { pool, tenant } = await openBundle();
  const off = await addTestTenant(pool);
  await switchTenant(pool, off.id, false);
  expect(await findReleasable(pool)).toEqual([]);
  const { fingerprint } = tenant.accounts.telegram;
  await parkAt(pool, fingerprint, [1, 2]);
  await parkAt(pool, off.accounts.telegram.fingerprint, [1]);
  await parkAt(pool, 'f'.repeat(64), [1]);
  const account = { channel: 'telegram', fingerprint, tenantId: tenant.id };
  expect(await findReleasable(pool)).toEqual([account]);
});

it('counts the entries that wait for an account', async () => {
  const { pool, tenant } = await openBundle();
  const { fingerprint } = tenant.accounts.telegram;
  const account = { channel: 'telegram', fingerprint } as const;
  await parkAt(pool, fingerprint, [1, 2, 3]);
  await parkAt(pool, 'f'.repeat(64), [1]);
  const { entries } = await readWaiting(pool, account, null);
  const [first] = entries.map(({ entry: { id }, version }) => ({ id, version }));
  await stopWaiting(pool, first === undefined ? [] : [first]);
  expect(await countWaiting(pool, account)).toBe(2);
  expect(await countWaiting(pool, { ...account, channel: 'vk' })).toBe(0);
});

it('reads waiting entries in the order of receipt, or of parking if that is the same', async () => {
  const { pool, tenant } = await openBundle();
  const { fingerprint } = tenant.accounts.telegram;
  const account = { channel: 'telegram', fingerprint } as const;
  const times = Array.from({ length: 450 }, (_, n) => (n * 7) % 10);
  const parked = await parkAt(pool, fingerprint, times);
  const expected = parked
    .map((id, n) => ({ id, n, at: times[n] ?? 0 }))
    .toSorted((a, b) => a.at - b.at || a.n - b.n)
    .map(({ id }) => id);
  const seen: string[] = [];
  let after: WaitingPlace | null = null;
  do {
    const page: Awaited<ReturnType<typeof readWaiting>> = await readWaiting(pool, account, after);
    seen.push(...ids(page.entries));
    after = page.next;
  } while (after !== null);
  expect(seen).toEqual(expected);
});

it('stops the waiting of an entry only in the version that was read', async () => {
  const { pool, tenant } = await openBundle();
  const { fingerprint } = tenant.accounts.telegram;
  const account = { channel: 'telegram', fingerprint } as const;
  const [one, two] = [1, 2].map((ms) =>
    entry({ message: message({ fingerprint, receivedAt: received(ms) }) }),
  );
  if (one === undefined || two === undefined) throw new Error('two entries');
  await park(pool, [letter(one), letter(two)], ROOM);
  const { entries } = await readWaiting(pool, account, null);
  await park(pool, [letter({ ...two, attempts: 2 })], ROOM);
  const read = entries.map(({ entry: { id }, version }) => ({ id, version }));
  await stopWaiting(pool, read);
  expect(ids((await readWaiting(pool, account, null)).entries)).toEqual([two.id]);
  await park(pool, [letter({ ...two, reason: 'stalled' })], ROOM);
  expect(await findReleasable(pool)).toEqual([]);
});

it('gives a turn to one worker at a time, until its time is over', async () => {
  const { pool } = await openBundle();
  const turn = (holder: string, ms = 60_000) =>
    takeParkedTurn(pool, { duty: 'release', holder, ms });
  const asked = await Promise.all(['a', 'b', 'c'].map((holder) => turn(holder)));
  expect(asked.filter(Boolean)).toHaveLength(1);
  const holder = ['a', 'b', 'c'][asked.indexOf(true)] ?? '';
  expect(await turn(holder, -1)).toBe(true);
  expect(await turn('d')).toBe(true);
  expect(await turn(holder)).toBe(false);
});
