import { type DlqEntry, fingerprintOf } from '@contour/contract';
import { expect, it } from 'vitest';
import type { Pool } from '../../../test/support/outside-pool.ts';
import {
  clearParked,
  deadLetters,
  dropRefused,
  eraseParked,
  findFormer,
  fingerprintsFrom,
  isDlqCursor,
  type Parking,
  park,
  parkFormer,
  readParked,
  removeParked,
} from '../src/dead-letters/index.ts';
import { openBundle } from './bundle.ts';
import { entry, FIRST, letter, message, ROOM, some } from './letters.ts';

const TENANT = '0190a0a0-0000-7000-8000-000000000001';
const OTHER_TENANT = '0190a0a0-0000-7000-8000-000000000002';

const parkOne = async (pool: Pool, one: DlqEntry, room = ROOM, wasRefused = false) =>
  (await park(pool, [letter(one, wasRefused)], room))[0];

/** Parks entries one after another, so that their order is known. */
async function parkEach(pool: Pool, entries: readonly DlqEntry[], wasRefused = false) {
  for (const one of entries) expect(await parkOne(pool, one, ROOM, wasRefused)).toBe('parked');
}

const ids = (entries: readonly DlqEntry[]) => entries.map(({ id }) => id);

async function collect(pages: AsyncIterable<DlqEntry[]>): Promise<DlqEntry[]> {
  const all: DlqEntry[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

it('gives an entry back as it was parked', async () => {
  const { pool } = await openBundle();
  const readable = entry({ message: message({ text: 'привет', mask: '12…78', meta: '{"a":1}' }) });
  const raw = entry({ message: null, reason: 'invalid', raw: '{"channel":7,"zero":"\\u0000"}' });
  await parkEach(pool, [readable, raw]);
  const { get } = deadLetters(pool);
  expect(await get(readable.id)).toEqual(readable);
  expect(await get(raw.id)).toEqual(raw);
  expect(await get('no uuid')).toBeNull();
});

it('finds the fingerprints that begin with a text, each once', async () => {
  const { pool } = await openBundle();
  const prints = ['ab1', 'ab2', 'ac1', 'ab1'].map((text) => text.padEnd(64, '0'));
  await parkEach(
    pool,
    prints.map((fingerprint) => entry({ message: message({ fingerprint }) })),
  );
  expect(await fingerprintsFrom(pool, 'ab')).toEqual(prints.slice(0, 2));
  expect(await fingerprintsFrom(pool, 'ab1')).toEqual(prints.slice(0, 1));
  expect(await fingerprintsFrom(pool, 'b')).toEqual([]);
});

it('parks a message once, keeps its place and renews its error', async () => {
  const { pool } = await openBundle();
  const [first, second] = some(2) as [DlqEntry, DlqEntry];
  const again: DlqEntry = { ...first, reason: 'tenant_disabled', attempts: 2 };
  await parkEach(pool, [first, second, again]);
  const { count, items } = await deadLetters(pool).list({}, { limit: 10 });
  expect(count).toBe(2);
  expect(items).toEqual([again, second]);
});

it('parks a message once if it is parked many times at the same moment', async () => {
  const { pool } = await openBundle();
  const one = entry();
  await Promise.all(Array.from({ length: 30 }, () => parkOne(pool, one)));
  const copies = [letter(one), letter({ ...one, attempts: 7 })];
  expect(await park(pool, copies, ROOM)).toEqual(['parked', 'parked']);
  const { items } = await deadLetters(pool).list({}, { limit: 5 });
  expect(items).toEqual([{ ...one, attempts: 7 }]);
});

it('keeps the tenant of an entry when a copy of an unknown account is parked', async () => {
  const { pool } = await openBundle();
  const sent = message();
  const theirs = entry({ message: sent, reason: 'tenant_disabled', tenantId: TENANT });
  const copy = entry({ message: sent, attempts: 2 });
  await parkEach(pool, [theirs, copy]);
  expect(await deadLetters(pool).get(theirs.id)).toEqual({ ...copy, tenantId: TENANT });
  await parkEach(pool, [entry({ message: sent, reason: 'conflict', tenantId: OTHER_TENANT })]);
  expect(await deadLetters(pool).get(theirs.id)).toMatchObject({ tenantId: OTHER_TENANT });
});

it('finds the entries of a trace by the newest trace id', async () => {
  const { pool } = await openBundle();
  const { byTrace } = deadLetters(pool);
  const [one, two] = [1, 2].map((n) =>
    entry({ message: message({ traceId: 'wanted', receivedAt: `2024-12-10T10:00:0${n}.000Z` }) }),
  ) as [DlqEntry, DlqEntry];
  await parkEach(pool, [two, one, entry()]);
  expect(await byTrace('wanted')).toEqual([one, two]);
  const copy = { ...one, message: message({ ...one.message, traceId: 'another' }) };
  await parkEach(pool, [copy]);
  expect(await byTrace('wanted')).toEqual([two]);
  expect(await byTrace('another')).toEqual([copy]);
});

it('lists page by page, the oldest first, while entries are removed and added', async () => {
  const { pool } = await openBundle();
  const { list } = deadLetters(pool);
  const entries = some(7);
  await parkEach(pool, entries);
  const first = await list({}, { limit: 3 });
  expect(ids(first.items)).toEqual(ids(entries.slice(0, 3)));
  expect(first).toMatchObject({ count: 7, next: expect.stringMatching(/^\d+$/) });
  expect(isDlqCursor(first.next ?? '')).toBe(true);
  expect(isDlqCursor('x')).toBe(false);

  await eraseParked(pool, ids(entries.slice(0, 4)));
  const late = entry();
  await parkEach(pool, [late]);
  const second = await list({}, { limit: 3, cursor: first.next ?? '' });
  expect(ids(second.items)).toEqual(ids(entries.slice(4, 7)));
  const third = await list({}, { limit: 3, cursor: second.next ?? '' });
  expect(third).toEqual({ count: 4, items: [late], next: null });
});

it('fills a page with entries of any size', async () => {
  const { pool } = await openBundle();
  const large = some(40).map((one) =>
    entry({ message: { ...message(), messageId: one.id, text: 'x'.repeat(200_000) } }),
  );
  await park(
    pool,
    large.map((one) => letter(one)),
    ROOM,
  );
  const page = await deadLetters(pool).list({}, { limit: 30 });
  expect(ids(page.items)).toEqual(ids(large.slice(0, 30)));
  expect(page.count).toBe(40);
  const pages: number[] = [];
  for await (const some of deadLetters(pool).matching({}, 1_000)) pages.push(some.length);
  expect(pages.length).toBeGreaterThan(1);
  expect(pages.reduce((sum, length) => sum + length, 0)).toBe(40);
});

it('filters by reason, tenant, account and time, and counts all that match', async () => {
  const { pool } = await openBundle();
  const { list } = deadLetters(pool);
  const ofTenant = some(3, { reason: 'stalled', tenantId: TENANT });
  const early = some(2, { failedAt: '2024-01-01T00:00:00.000Z' });
  const second = fingerprintOf('second');
  const ofSecond = entry({ message: message({ fingerprint: second }) });
  await parkEach(pool, [...ofTenant, ...early, ofSecond]);
  const found = async (filter: Parameters<typeof list>[0], limit = 10) => {
    const { items, ...rest } = await list(filter, { limit });
    return { ids: ids(items), ...rest };
  };
  expect(await found({ tenantId: TENANT })).toEqual({ count: 3, ids: ids(ofTenant), next: null });
  expect(await found({ reason: 'stalled' })).toMatchObject({ count: 3 });
  expect(await found({ reason: 'invalid' })).toEqual({ count: 0, ids: [], next: null });
  expect(await found({ fingerprint: second })).toMatchObject({ ids: [ofSecond.id] });
  const before = '2024-06-01T00:00:00Z';
  expect(await found({ before })).toMatchObject({ ids: ids(early) });
  expect(await found({ before, tenantId: TENANT })).toMatchObject({ count: 0 });
  const both = { reason: 'stalled', tenantId: TENANT, fingerprint: FIRST } as const;
  expect(await found({ ...both, before: '2030-01-01T00:00:00Z' })).toMatchObject({ count: 3 });
});

it('walks the entries that existed at its start', async () => {
  const { pool } = await openBundle();
  const entries = some(5, { reason: 'stalled' });
  await parkEach(pool, entries);
  const seen: string[] = [];
  for await (const page of deadLetters(pool).matching({ reason: 'stalled' }, 100)) {
    seen.push(...ids(page));
    await eraseParked(pool, ids(page));
    await parkEach(pool, some(page.length, { reason: 'stalled' }));
  }
  expect(seen).toEqual(ids(entries));
  expect(await collect(deadLetters(pool).matching({}, 2))).toHaveLength(2);
});

it('removes an entry only in the version that was read, and remembers how it left', async () => {
  const { pool } = await openBundle();
  const one = entry();
  await parkEach(pool, [one]);
  const read = await readParked(pool, one.id);
  await parkEach(pool, [{ ...one, attempts: 2 }]);
  expect(await removeParked(pool, [{ id: one.id, version: read?.version ?? '' }])).toBe(0);
  const again = await readParked(pool, one.id);
  expect(again?.entry.attempts).toBe(2);
  expect(await findFormer(pool, one.id)).toBeNull();
  expect(await removeParked(pool, [{ id: one.id, version: again?.version ?? '' }])).toBe(1);
  expect(await readParked(pool, one.id)).toBeNull();
  expect(await findFormer(pool, one.id)).toEqual({
    ...{ reason: one.reason, failedAt: one.failedAt, leaving: 'let_in' },
    leftAt: expect.stringMatching(/^\d{4}-.*Z$/),
  });
});

it('clears and counts matching entries, except those that arrive meanwhile', async () => {
  const { pool } = await openBundle();
  const kept = entry({ reason: 'stalled' });
  const entries = some(600);
  await park(
    pool,
    [...entries, kept].map((one) => letter(one)),
    ROOM,
  );
  const [again, ...others] = entries as [DlqEntry, ...DlqEntry[]];
  const late = entry();
  let hasCome = false;
  const cleared = await clearParked(pool, { reason: 'unknown_tenant' }, (done, total) => {
    expect(total).toBe(600);
    hasCome ||= done > 0;
  });
  expect(hasCome).toBe(true);
  expect(cleared).toBe(600);
  expect(await findFormer(pool, others[0]?.id ?? '')).toMatchObject({ leaving: 'cleared' });
  await parkEach(pool, [again, late]);
  expect((await deadLetters(pool).list({}, { limit: 10 })).count).toBe(3);
  expect(await clearParked(pool, {})).toBe(3);
});

it('keeps no note of an erased entry', async () => {
  const { pool } = await openBundle();
  const one = entry();
  await parkEach(pool, [one]);
  expect(await eraseParked(pool, [one.id])).toBe(1);
  expect(await findFormer(pool, one.id)).toBeNull();
});

it('bounds the entries of each unknown account by count', async () => {
  const { pool } = await openBundle();
  const room = { count: 3, bytes: 2 ** 30 };
  const other = entry({ message: message({ fingerprint: fingerprintOf('second') }) });
  const [first, ...rest] = some(3) as [DlqEntry, ...DlqEntry[]];
  for (const one of [first, ...rest]) expect(await parkOne(pool, one, room)).toBe('parked');
  expect(await parkOne(pool, entry(), room)).toBe('over_allowance');
  expect(await parkOne(pool, other, room)).toBe('parked');
  expect(await parkOne(pool, { ...first, attempts: 2 }, room)).toBe('parked');
  expect(await parkOne(pool, entry({ reason: 'invalid' }), room)).toBe('parked');
  await eraseParked(pool, [first.id]);
  expect(await parkOne(pool, entry(), room)).toBe('parked');
  expect(await parkOne(pool, entry(), room)).toBe('over_allowance');
  await parkOne(pool, { ...(rest[0] as DlqEntry), reason: 'tenant_disabled' }, room);
  expect(await parkOne(pool, entry(), room)).toBe('parked');
});

it('bounds the entries of an unknown account by bytes', async () => {
  const { pool } = await openBundle();
  const room = { count: 1_000, bytes: 25_000 };
  const large = () => entry({ message: message({ text: 'x'.repeat(10_000) }) });
  const letters = [large(), large(), large(), entry()].map((one) => letter(one));
  const parkings = await park(pool, letters, room);
  expect(parkings).toEqual(['parked', 'parked', 'over_allowance', 'over_allowance']);
  expect(await parkOne(pool, large(), room)).toBe('over_allowance');
  expect(await parkOne(pool, entry(), room)).toBe('parked');
});

it.each(['one by one', 'in batches'])('keeps the bound of an account exactly, %s', async (how) => {
  const { pool } = await openBundle();
  const room = { count: 10, bytes: 2 ** 30 };
  const letters = some(60).map((one) => letter(one));
  const batches =
    how === 'one by one'
      ? letters.map((one) => [one])
      : [0, 20, 40].map((at) => letters.slice(at, at + 20));
  const parkings = await Promise.all(batches.map((batch) => park(pool, batch, room)));
  const count = (wanted: Parking) => parkings.flat().filter((one) => one === wanted).length;
  expect(count('parked')).toBe(10);
  expect(count('over_allowance')).toBe(50);
  expect((await deadLetters(pool).list({}, { limit: 1 })).count).toBe(10);
});

it('drops the oldest refused entries, by count and by bytes, and nothing else', async () => {
  const { pool } = await openBundle();
  const accepted = some(3);
  const refused = some(6);
  await parkEach(pool, accepted);
  await parkEach(pool, refused, true);
  expect(await dropRefused(pool, { count: 4, bytes: 2 ** 30 })).toBe(2);
  expect(await dropRefused(pool, { count: 4, bytes: 2 ** 30 })).toBe(0);
  const left = async () => ids((await deadLetters(pool).list({}, { limit: 20 })).items);
  expect(await left()).toEqual(ids([...accepted, ...refused.slice(2)]));
  const { rows } = await pool.query<{ bytes: number }>('select max(bytes) as bytes from parked');
  await dropRefused(pool, { count: 4, bytes: (rows[0]?.bytes ?? 0) * 2 });
  expect(await left()).toEqual(ids([...accepted, ...refused.slice(4)]));
  expect(await findFormer(pool, refused[0]?.id ?? '')).toMatchObject({ leaving: 'dropped' });
  // An entry that was accepted once, or has another reason, is never dropped.
  const [fifth, sixth] = refused.slice(4) as [DlqEntry, DlqEntry];
  await parkOne(pool, fifth, ROOM, false);
  await parkOne(pool, { ...sixth, reason: 'stalled' }, ROOM, true);
  expect(await dropRefused(pool, { count: 0, bytes: 0 })).toBe(0);
  await parkOne(pool, { ...accepted[0], attempts: 9 } as DlqEntry, ROOM, true);
  expect(await dropRefused(pool, { count: 0, bytes: 0 })).toBe(0);
});

it('replaces characters and times that the database cannot store', async () => {
  const { pool } = await openBundle();
  const odd = entry({
    error: { code: 'invalid', message: `"a\0b" ${'x'.repeat(10_000)}` },
    receivedAt: '+275760-09-13T00:00:00.000Z',
    message: message({
      traceId: `${'t'.repeat(5_000)}`,
      fingerprint: 'f'.repeat(5_000),
      mask: 'm',
    }),
  });
  await parkEach(pool, [odd]);
  const found = await deadLetters(pool).get(odd.id);
  expect(found).toMatchObject({ receivedAt: '9999-12-31T23:59:59.999Z', message: odd.message });
  expect(found?.error.message).toContain('a\\u0000b');
});

it('takes over entries of an earlier version only if they are newer', async () => {
  const { pool } = await openBundle();
  const [moved, known] = some(2) as [DlqEntry, DlqEntry];
  const newer = { ...known, failedAt: '2025-01-01T00:00:00.000Z', attempts: 5 };
  await parkEach(pool, [newer]);
  await parkFormer(pool, [letter(moved), letter(known)]);
  await parkFormer(pool, [letter(moved)]);
  expect((await deadLetters(pool).list({}, { limit: 5 })).items).toEqual([newer, moved]);
  await parkFormer(pool, [letter({ ...newer, failedAt: '2026-01-01T00:00:00.000Z' })]);
  expect(await deadLetters(pool).get(known.id)).toMatchObject({
    failedAt: '2026-01-01T00:00:00.000Z',
  });
});
