import { expect, it } from 'vitest';
import type { Pool } from '../../../test/support/outside-pool.ts';
import {
  eraseParked,
  findFormer,
  findLeft,
  findUnindexed,
  forgetFormer,
  indexedEntries,
  markIndexed,
  markUnindexed,
  markUnshown,
  park,
  parkedFacts,
  parkedVersions,
  readParked,
  removeOldFormer,
  removeParked,
} from '../src/dead-letters/index.ts';
import { openBundle } from './bundle.ts';
import { type entry, letter, ROOM, some } from './letters.ts';

const parkAll = (pool: Pool, entries: readonly ReturnType<typeof entry>[]) =>
  park(
    pool,
    entries.map((one) => letter(one)),
    ROOM,
  );

async function letIn(pool: Pool, id: string): Promise<void> {
  const version = (await readParked(pool, id))?.version ?? '';
  expect(await removeParked(pool, [{ id, version }])).toBe(1);
}

async function indexed(pool: Pool): Promise<string[]> {
  const ids: string[] = [];
  for await (const page of indexedEntries(pool)) ids.push(...page);
  return ids;
}

it('finds entries that Redis does not show in their version', async () => {
  const { pool } = await openBundle();
  const [one, two] = some(2);
  if (one === undefined || two === undefined) throw new Error('two entries');
  await parkAll(pool, [one, two]);
  const found = await findUnindexed(pool);
  expect(found.map(({ id }) => id)).toEqual([one.id, two.id]);
  expect(found[0]).toMatchObject({ reason: 'unknown_tenant', error: 'unknown_tenant' });
  // The entry is renewed between the read and the mark, so Redis does not show its newest version.
  await parkAll(pool, [{ ...two, attempts: 2 }]);
  await markIndexed(pool, found);
  expect((await findUnindexed(pool)).map(({ id, attempts }) => [id, attempts])).toEqual([
    [two.id, 2],
  ]);
  expect(await indexed(pool)).toEqual([one.id]);
  await markUnindexed(pool, [one.id]);
  expect(await findUnindexed(pool)).toHaveLength(2);
  expect(await indexed(pool)).toEqual([]);
  const versions = await parkedVersions(pool, [one.id, '0190a0a0-0000-7000-8000-000000000001']);
  expect([...versions.keys()]).toEqual([one.id]);
});

it('finds entries that have left and may still be shown', async () => {
  const { pool } = await openBundle();
  const [gone, back, erased] = some(3);
  if (!gone || !back || !erased) throw new Error('three entries');
  await parkAll(pool, [gone, back, erased]);
  await letIn(pool, gone.id);
  await letIn(pool, back.id);
  await parkAll(pool, [back]);
  await eraseParked(pool, [erased.id]);
  const left = await findLeft(pool);
  expect(left.map(({ id, isThere }) => [id, isThere])).toEqual([
    [gone.id, false],
    [back.id, true],
    [erased.id, false],
  ]);
  // One leaves again before it is marked, so Redis still has to hide it.
  await letIn(pool, back.id);
  await markUnshown(pool, left);
  expect((await findLeft(pool)).map(({ id }) => id)).toEqual([back.id]);
  const { rows } = await pool.query('select id from parked_former order by left_at');
  expect(rows).toEqual([{ id: gone.id }, { id: back.id }]);
});

it('deletes notes of entries that left more than a week ago, and notes of erased ones at once', async () => {
  const { pool } = await openBundle();
  const [old, shown, recent] = some(3);
  if (!old || !shown || !recent) throw new Error('three entries');
  await parkAll(pool, [old, shown, recent]);
  for (const { id } of [old, shown, recent]) await letIn(pool, id);
  const age =
    'update parked_former set left_at = now() - $2::interval, is_indexed = $3 where id = $1';
  await pool.query(age, [old.id, '8 days', false]);
  await pool.query(age, [shown.id, '8 days', true]);
  await pool.query(age, [recent.id, '6 days', false]);
  expect(await removeOldFormer(pool)).toBe(1);
  expect(await findFormer(pool, old.id)).toBeNull();
  expect(await findFormer(pool, recent.id)).not.toBeNull();
  await forgetFormer(pool, [recent.id, shown.id]);
  expect(await findFormer(pool, recent.id)).toBeNull();
  expect(await findFormer(pool, shown.id)).toBeNull();
  expect(await findLeft(pool)).toHaveLength(1);
});

it('counts entries by reason, and the bytes of unknown accounts', async () => {
  const { pool } = await openBundle();
  await parkAll(pool, [...some(3), ...some(2, { reason: 'stalled' })]);
  const { byReason, unknownBytes } = await parkedFacts(pool);
  expect(byReason.toSorted((a, b) => b.entries - a.entries)).toEqual([
    { reason: 'unknown_tenant', entries: 3 },
    { reason: 'stalled', entries: 2 },
  ]);
  expect(unknownBytes).toBeGreaterThan(500);
});
