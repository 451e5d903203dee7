import { expect, it } from 'vitest';
import { addTestTenant } from '../../../test/support/tenants.ts';
import { withTransaction } from '../src/database/index.ts';
import { type Arrival, resolveIn } from '../src/resolve/index.ts';
import { addTenant } from '../src/tenants/index.ts';
import { arrival, type Bundle, interrupted, OPTIONS, onlyOnce, openBundle } from './bundle.ts';

/** Resolves and writes a row of the caller's own, in one transaction. */
const resolveAndNote = (pool: Bundle['pool'], arrivals: readonly Arrival[], end = () => {}) =>
  withTransaction(pool, async (tx) => {
    const batch = await resolveIn(tx, arrivals, OPTIONS);
    await addTenant(tx, { domainId: 1, name: 'noted' });
    end();
    return batch;
  });

const noted = "tenants where name = 'noted'";

it('commits the messages and the row of the caller together', async () => {
  const { pool, tenant, count } = await openBundle();
  const ids = { message_ids: ['1'] };
  const batch = [ids, ids, { ...ids, text: 'another text' }].map((one) => arrival(tenant, one));
  const { outcomes, shards, hasNewDialogs } = await resolveAndNote(pool, batch);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['resolved', 'replayed', 'conflict']);
  expect([shards.length, hasNewDialogs]).toEqual([1, true]);
  expect([await count('messages'), await count('lanes'), await count(noted)]).toEqual([1, 1, 1]);
  const again = await resolveAndNote(pool, [arrival(tenant, ids)]);
  expect(again).toMatchObject({ outcomes: [{ kind: 'replayed' }], shards: [] });
});

it('leaves neither if the caller fails', async () => {
  const { pool, tenant, count, resolve } = await openBundle();
  await resolve(arrival(tenant));
  const batch = [arrival(tenant), arrival(tenant, { external_chat_id: 'new' })];
  const fail = () => {
    throw new Error('the caller failed');
  };
  await expect(resolveAndNote(pool, batch, fail)).rejects.toThrow('the caller failed');
  expect([await count('messages'), await count('clients'), await count(noted)]).toEqual([1, 1, 0]);
  expect(await count('dialogs where last_seq = 1')).toBe(1);
});

it('throws lost_race if the dialog is closed meanwhile, and resolves when the caller starts again', async () => {
  const bundle = await openBundle();
  const { pool, tenant, count } = bundle;
  await bundle.resolve(arrival(tenant));
  const close = () => pool.query('update dialogs set status_id = 3');
  const closing = interrupted(bundle, 'insert_messages', onlyOnce(close));
  const batch = [arrival(tenant)];
  await expect(resolveAndNote(closing, batch)).rejects.toMatchObject({ code: 'lost_race' });
  expect([await count('messages'), await count(noted)]).toEqual([1, 0]);
  await resolveAndNote(closing, batch);
  expect([await count('messages'), await count('dialogs'), await count(noted)]).toEqual([2, 2, 1]);
});

it('throws lost_race if another batch stores the message first, and answers from the ledger then', async () => {
  const bundle = await openBundle();
  const { tenant, count } = bundle;
  await bundle.resolve(arrival(tenant));
  const batch = [arrival(tenant, { message_ids: ['1'] })];
  const overtaken = interrupted(
    bundle,
    'insert_messages',
    onlyOnce(() => bundle.resolve(...batch)),
  );
  await expect(resolveAndNote(overtaken, batch)).rejects.toMatchObject({ code: 'lost_race' });
  expect(await count(noted)).toBe(0);
  const { outcomes } = await resolveAndNote(overtaken, batch);
  expect(outcomes).toMatchObject([{ kind: 'replayed' }]);
  expect([await count('messages'), await count(noted)]).toEqual([2, 1]);
});

it('throws the error of one message, and stores none of the others', async () => {
  const { pool, tenant, count } = await openBundle();
  const other = await addTestTenant(pool);
  const refused = arrival(tenant, { external_chat_id: 'refused' });
  refused.message.traceId = 'with a \0 in it';
  const batch = [arrival(other), refused];
  await expect(resolveAndNote(pool, batch)).rejects.toMatchObject({ code: 'unexpected' });
  expect([await count('messages'), await count(noted)]).toEqual([0, 0]);
});
