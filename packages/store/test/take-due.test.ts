import { expect, it } from 'vitest';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { createLaneMarks, takeDue } from '../src/lanes/index.ts';
import { ANY, arrival, type Bundle, openBundle } from './bundle.ts';

const WANTED = { ...ANY, shards: [...Array(16).keys()] };

const take = (bundle: Bundle, change: Partial<Parameters<typeof takeDue>[1]> = {}) =>
  takeDue(bundle.pool, { ...WANTED, ...change });

/** One message, or several, of each of these chats. */
async function fill(bundle: Bundle, tenant: TestTenant, chats: number, each = 1, text = 'hello') {
  const arrivals = Array.from({ length: chats * each }, (_, n) =>
    arrival(tenant, { external_chat_id: n % chats, text }),
  );
  await bundle.resolve(...arrivals);
}

it('takes the first lane of every tenant before the second of any', async () => {
  const bundle = await openBundle();
  const other = await addTestTenant(bundle.pool);
  await fill(bundle, bundle.tenant, 5);
  await fill(bundle, other, 2);
  const taken = await take(bundle, { lanes: 4 });
  expect(taken.map(({ tenantId }) => tenantId === other.id)).toEqual([false, true, false, true]);
});

it('does not let a tenant with many lanes hide those of another from a second take', async () => {
  const bundle = await openBundle();
  const other = await addTestTenant(bundle.pool);
  await fill(bundle, bundle.tenant, 40);
  await fill(bundle, other, 1);
  await bundle.pool.query('update lanes set shard = 0');
  const marks = createLaneMarks();
  const tenants = async () => {
    const wanted = { ...WANTED, lanes: 4, lanesPerTenant: 2 };
    const taken = await takeDue(bundle.pool, wanted, marks);
    return taken.map(({ tenantId }) => tenantId);
  };
  expect(await tenants()).toEqual([bundle.tenant.id, bundle.tenant.id]);
  expect(await tenants()).toContain(other.id);
});

it('takes the lane of each tenant first that has been due for longest', async () => {
  const bundle = await openBundle();
  await fill(bundle, bundle.tenant, 5);
  const { rows } = await bundle.pool.query<{ dialog_id: string }>(
    `update lanes set due_at = now() - random() * interval '1 hour' returning dialog_id, due_at`,
  );
  expect(rows).toHaveLength(5);
  const inOrder = await bundle.pool.query('select dialog_id from lanes order by due_at limit 3');
  const taken = await take(bundle, { lanes: 3 });
  expect(taken.map(({ dialogId }) => dialogId)).toEqual(inOrder.rows.map((row) => row.dialog_id));
});

it('says whether a lane has more messages than were read', async () => {
  const bundle = await openBundle();
  await fill(bundle, bundle.tenant, 1, 3);
  const readAtMost = async (messagesPerLane: number) => {
    const [lane] = await take(bundle, { messagesPerLane });
    return [lane?.messages.length, lane?.hasMore];
  };
  expect(await readAtMost(2)).toEqual([2, true]);
  expect(await readAtMost(3)).toEqual([3, false]);
  expect(await readAtMost(4)).toEqual([3, false]);
});

it('stores the size of a payload', async () => {
  const bundle = await openBundle();
  await fill(bundle, bundle.tenant, 3, 12, 'привет "мир" \\ 🙂');
  expect(await bundle.count('messages where payload_bytes <> octet_length(payload::text)')).toBe(0);
  expect(await bundle.count('messages where payload_bytes > 0')).toBe(36);
});

it('reads the first messages of all lanes before the second of any, as far as they fit', async () => {
  const bundle = await openBundle();
  await fill(bundle, bundle.tenant, 3, 4, 'x'.repeat(10_000));
  const { rows } = await bundle.pool.query('select max(payload_bytes) as most from messages');
  const taken = await take(bundle, { bytes: rows[0]?.most * 5 });
  expect(taken.map(({ messages }) => messages.map(({ seq }) => seq))).toEqual([
    [1, 2],
    [1, 2],
    [1],
  ]);
  expect(taken.every(({ hasMore }) => hasMore)).toBe(true);
  const read = taken.flatMap(({ messages }) => messages.map(({ payload }) => payload));
  expect(taken.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(Buffer.byteLength(read.join('')));
});

it('reads the first message of every lane, even if no more bytes are free', async () => {
  const bundle = await openBundle();
  await fill(bundle, bundle.tenant, 3, 2, 'x'.repeat(10_000));
  await bundle.pool.query(
    `update messages set status = 'dead' where dialog_id = (select max(dialog_id::text)::uuid from lanes)`,
  );
  await bundle.pool.query(
    `update lanes set due_at = now() where dialog_id = (select max(dialog_id::text)::uuid from lanes)`,
  );
  const taken = await take(bundle, { bytes: 0 });
  expect(taken.map(({ messages, hasMore }) => [messages.length, hasMore])).toEqual([
    [1, true],
    [1, true],
    [0, false], // the lane has no message and has to be removed
  ]);
});

it('counts a message of an earlier version, whose size is not known, as 256 KiB', async () => {
  const bundle = await openBundle();
  await fill(bundle, bundle.tenant, 2, 3);
  await bundle.pool.query('update messages set payload_bytes = null');
  const taken = await take(bundle, { bytes: 800 * 1024 });
  expect(taken.map(({ messages }) => messages.length)).toEqual([2, 1]);
});
