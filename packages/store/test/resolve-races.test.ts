import { expect, it } from 'vitest';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { erasePerson } from '../src/erase/index.ts';
import { settle, takeDue } from '../src/lanes/index.ts';
import { resolveBatch } from '../src/resolve/index.ts';
import { arrival, interrupted, kinds, OPTIONS, onlyOnce, openBundle } from './bundle.ts';

/** Waits until so many statements wait for a lock. */
const blocked = (pool: Pool, howMany: number) =>
  waitFor('statements that wait for a lock', async () => {
    const { rows } = await pool.query(
      `select count(*)::int as n from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows[0].n >= howMany;
  });

const deadlock = () => Object.assign(new Error('deadlock detected'), { code: '40P01' });

/** `free`, or the SQLSTATE for rows that another session has locked. */
const lockOf = (pool: Pool, rows: string, ...values: unknown[]): Promise<string> =>
  pool.query(`select from ${rows} for update nowait`, values).then(
    () => 'free',
    (error) => error.code,
  );

it('puts a message into a new dialog if the dialog that was found is closed before the message is stored', async () => {
  const bundle = await openBundle();
  const { tenant, pool } = bundle;
  const other = { external_chat_id: 'another' };
  await bundle.resolve(arrival(tenant), arrival(tenant, other));
  const close = () =>
    pool.query(
      'update dialogs set status_id = 3 where client_id = (select client_id from messages where seq = 1 limit 1)',
    );
  const closing = interrupted(bundle, 'insert_messages', onlyOnce(close));
  const batch = [arrival(tenant), arrival(tenant, other)];
  const { outcomes } = await resolveBatch(closing, batch, OPTIONS);
  expect(kinds(outcomes)).toEqual(['resolved', 'resolved']);
  const { rows } = await bundle.pool.query('select seq, is_new_dialog from messages');
  expect(rows.filter(({ is_new_dialog }) => is_new_dialog)).toHaveLength(3);
  expect(rows.map(({ seq }) => seq).sort()).toEqual([1, 1, 1, 2]);
  expect(await bundle.count('dialogs where last_seq = 0')).toBe(0);
});

it('answers a message as a duplicate if another batch stores it first, and leaves no other row', async () => {
  const bundle = await openBundle();
  const { tenant } = bundle;
  const ids = { message_ids: ['1'] };
  await bundle.resolve(arrival(tenant));
  const overtake = () => bundle.resolve(arrival(tenant, ids));
  const overtaken = interrupted(bundle, 'insert_messages', onlyOnce(overtake));
  const batch = [arrival(tenant, ids), arrival(tenant, { external_chat_id: 'new' })];
  const { outcomes } = await resolveBatch(overtaken, batch, OPTIONS);
  expect(kinds(outcomes)).toEqual(['replayed', 'resolved']);
  expect(await bundle.count('messages')).toBe(3);
  expect(await bundle.count('clients')).toBe(2);
  expect(await bundle.count('dialogs')).toBe(2);
});

it('takes no lane while it waits for a dialog', async () => {
  const bundle = await openBundle();
  const { tenant, pool } = bundle;
  const batch = () => ['a', 'b'].map((id) => arrival(tenant, { external_chat_id: id }));
  await bundle.resolve(...batch());
  const { rows } = await pool.query('select id from dialogs order by tenant_id, id');
  const other = await pool.connect();
  await other.query('begin');
  await other.query('select from dialogs where id = $1 for update', [rows[1].id]);
  const resolving = bundle.resolve(...batch());
  await blocked(pool, 1);
  const lane = await lockOf(pool, 'lanes where dialog_id = $1', rows[0].id);
  await other.query('rollback');
  other.release();
  await resolving;
  expect(lane).toBe('free');
});

it('waits for a message that is being settled before it takes the lane', async () => {
  const bundle = await openBundle();
  const { tenant, pool } = bundle;
  const ids = { message_ids: ['1'] };
  await bundle.resolve(arrival(tenant));
  const settling = await pool.connect();
  const overtake = async () => {
    await bundle.resolve(arrival(tenant, ids));
    // As `settle` does before it locks the lanes.
    await settling.query('begin');
    await settling.query("update messages set status = 'delivered' where status = 'pending'");
  };
  const overtaken = interrupted(bundle, 'insert_messages', onlyOnce(overtake));
  const resolving = resolveBatch(overtaken, [arrival(tenant, ids)], OPTIONS);
  await blocked(pool, 1);
  const lane = await lockOf(pool, 'lanes');
  await settling.query('commit');
  settling.release();
  expect(kinds((await resolving).outcomes)).toEqual(['replayed']);
  expect(lane).toBe('free');
});

it('tries a message that the last start left out again, with its own number of starts', async () => {
  const bundle = await openBundle();
  const { tenant, pool } = bundle;
  const batch = () => ['a', 'b'].map((id) => arrival(tenant, { external_chat_id: id }));
  await bundle.resolve(...batch());
  const starting = interrupted(bundle, 'insert_messages', async (start) => {
    // Nine starts lose a race to others, and then one dialog is closed, once.
    if (start < 10) throw deadlock();
    if (start > 10) return;
    await pool.query(
      'update dialogs set status_id = 3 where id = (select id from dialogs limit 1)',
    );
  });
  const { outcomes } = await resolveBatch(starting, batch(), OPTIONS);
  expect(outcomes.map((one) => ('kind' in one ? one.kind : one.message))).toEqual([
    'resolved',
    'resolved',
  ]);
});

it('answers no message as resolved that is not stored, if a dialog gets another client', async () => {
  const bundle = await openBundle();
  const { tenant, pool } = bundle;
  const of = (id: string) => arrival(tenant, { external_chat_id: id });
  await bundle.resolve(of('a'));
  await bundle.resolve(of('b'));
  const { rows } = await pool.query('select client_id from client_channels order by external_id');
  const [a, b] = rows.map((row) => row.client_id);
  await pool.query('update dialogs set status_id = 3 where client_id = $1', [b]);
  const merge = () => pool.query('update dialogs set client_id = $1 where client_id = $2', [b, a]);
  const merging = interrupted(bundle, 'insert_dialogs', onlyOnce(merge));
  const batch = [of('a'), of('b')];
  const { outcomes } = await resolveBatch(merging, batch, OPTIONS);
  expect(kinds(outcomes)).toEqual(['resolved', 'resolved']);
  for (const { message } of batch) {
    expect(await bundle.count(`messages where id = '${message.messageId}'`)).toBe(1);
  }
});

it('stores a message for the client that its payload and its receipt name, if a dialog gets another client', async () => {
  const bundle = await openBundle();
  const { tenant, pool } = bundle;
  await bundle.resolve(arrival(tenant));
  const merge = async () => {
    await pool.query(
      'insert into clients (tenant_id, id) select tenant_id, gen_random_uuid() from clients',
    );
    const to = '(select id from clients order by created_at desc limit 1)';
    await pool.query(`update client_channels set client_id = ${to}`);
    await pool.query(`update dialogs set client_id = ${to}`);
  };
  const merging = interrupted(bundle, 'insert_messages', onlyOnce(merge));
  await resolveBatch(merging, [arrival(tenant)], OPTIONS);
  expect(await bundle.count("messages where client_id::text <> payload ->> 'client_id'")).toBe(0);
});

it('an erasure locks the dialogs of a client in the order in which a batch does', async () => {
  const bundle = await openBundle();
  const { tenant, pool } = bundle;
  const phone = { client_phone: '+79990001122' };
  const whatsapp = () => arrival(tenant, { channel: 'whatsapp', external_chat_id: 'w', ...phone });
  // The dialog of the later account is the older one: its id comes first.
  await bundle.resolve(whatsapp());
  await bundle.resolve(arrival(tenant, phone));
  const { rows } = await pool.query('select id, client_id from dialogs order by id');
  const other = await pool.connect();
  await other.query('begin');
  await other.query('select from dialogs where id = $1 for update', [rows[0].id]);
  const who = { tenantId: tenant.id, clientId: rows[0].client_id, isKnown: true };
  const erasing = erasePerson(
    pool,
    { ...who, phone: null, identities: [], dialogIds: [] },
    () => {},
  );
  await blocked(pool, 1);
  // It waits for the first in key order, and must not hold the second.
  const second = await lockOf(pool, 'dialogs where id = $1', rows[1].id);
  await other.query('rollback');
  other.release();
  await erasing;
  expect(second).toBe('free');
});

it('an erasure locks no row while it reads the rows that an adoption has set aside', async () => {
  const bundle = await openBundle();
  const { tenant, pool } = bundle;
  await bundle.resolve(arrival(tenant));
  const { rows } = await pool.query('select client_id from dialogs');
  await pool.query(
    `create table contour_adoption_set_aside (id bigserial, row_key text, before jsonb);
     insert into contour_adoption_set_aside (row_key, before) values ('${rows[0].client_id}', '{}')`,
  );
  const other = await pool.connect();
  await other.query('begin; lock table contour_adoption_set_aside');
  const who = { tenantId: tenant.id, clientId: rows[0].client_id, isKnown: true };
  const erasing = erasePerson(
    pool,
    { ...who, phone: null, identities: [], dialogIds: [] },
    () => {},
  );
  await blocked(pool, 1);
  const { outcomes } = await bundle.resolve(arrival(tenant));
  expect(kinds(outcomes)).toEqual(['resolved']);
  await other.query('rollback');
  other.release();
  expect((await erasing).removed).toMatchObject({ messages: 2, clients: 1, set_aside: 1 });
  expect(await bundle.count('contour_adoption_set_aside')).toBe(0);
  expect(await bundle.count('messages')).toBe(0);
});

it('settles again if Postgres ended it to resolve a deadlock', async () => {
  const bundle = await openBundle();
  const { tenant, pool } = bundle;
  await bundle.resolve(arrival(tenant));
  const limits = { lanes: 10, messagesPerLane: 10, notDialogs: [], lanesPerTenant: 10, rooms: [] };
  const lanes = await takeDue(pool, { ...limits, shards: [...Array(16).keys()] });
  const attempts = lanes.flatMap(({ messages }) =>
    messages.map(({ tenantId, messageId, attempts: earlier }) => ({
      ...{ tenantId, messageId, earlier, status: 'delivered' as const, error: null },
    })),
  );
  let starts = 0;
  const losing = {
    query(config: never) {
      starts += 1;
      if (starts > 1) return pool.query(config);
      throw deadlock();
    },
  };
  await settle(losing as never, { attempts, emptied: lanes, postponed: [] });
  expect(await bundle.count("messages where status = 'delivered'")).toBe(1);
  expect(await bundle.count('lanes')).toBe(0);
});
