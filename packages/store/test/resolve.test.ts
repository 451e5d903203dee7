import { parseExactJson } from '@contour/contract';
import { expect, it } from 'vitest';
import { addTestTenant, switchTenant } from '../../../test/support/tenants.ts';
import type { Arrival } from '../src/resolve/index.ts';
import { arrival, type Bundle, kinds, openBundle } from './bundle.ts';

async function storedRows(bundle: Bundle) {
  const { rows } = await bundle.pool.query(
    'select client_id, dialog_id, seq, matched_by, is_new_client, is_new_dialog from messages order by resolved_at, seq',
  );
  return rows;
}

it('makes a client and a dialog for the first message and finds both for the next', async () => {
  const bundle = await openBundle();
  const { tenant } = bundle;
  await bundle.resolve(arrival(tenant));
  await bundle.resolve(arrival(tenant));
  expect(await storedRows(bundle)).toMatchObject([
    { seq: 1, matched_by: 'created', is_new_client: true, is_new_dialog: true },
    { seq: 2, matched_by: 'identity', is_new_client: false, is_new_dialog: false },
  ]);
  expect(await bundle.count('clients')).toBe(1);
});

it('resolves one batch as it would resolve its messages one by one', async () => {
  const bundle = await openBundle();
  const { tenant } = bundle;
  const phone = { client_phone: '+79990001122' };
  const { outcomes } = await bundle.resolve(
    arrival(tenant, { external_chat_id: 'a', ...phone }),
    arrival(tenant, { external_chat_id: 'a' }),
    arrival(tenant, { external_chat_id: 'b', channel: 'whatsapp', ...phone }),
  );
  expect(kinds(outcomes)).toEqual(['resolved', 'resolved', 'resolved']);
  expect(await bundle.count('clients')).toBe(1);
  const rows = await storedRows(bundle);
  expect(rows.map((row) => row.matched_by).sort()).toEqual(['created', 'identity', 'phone']);
  expect(rows.filter((row) => row.is_new_client)).toHaveLength(1);
});

it('answers a duplicate with the first answer, within a batch and later', async () => {
  const bundle = await openBundle();
  const first = arrival(bundle.tenant, { message_ids: ['1'], trace_id: 'first' });
  const again = arrival(bundle.tenant, { message_ids: ['1'], trace_id: 'second' });
  const { outcomes } = await bundle.resolve(first, again);
  const later = await bundle.resolve(again);
  expect(kinds([...outcomes, ...later.outcomes])).toEqual(['resolved', 'replayed', 'replayed']);
  const receipts = [...outcomes, ...later.outcomes].map((o) => 'receipt' in o && o.receipt);
  expect(new Set(receipts.map((receipt) => JSON.stringify(receipt))).size).toBe(1);
  expect(later.shards).toEqual([]);
});

it('answers a duplicate as before, also after other content under its ids in the same batch', async () => {
  const bundle = await openBundle();
  const ids = { message_ids: ['1'] };
  const accepted = arrival(bundle.tenant, ids);
  await bundle.resolve(accepted);
  const others = ['other', 'third'].map((text) => arrival(bundle.tenant, { ...ids, text }));
  const again = arrival(bundle.tenant, ids);
  const [other, third] = others as [Arrival, Arrival];
  const { outcomes, shards } = await bundle.resolve(
    other,
    again,
    third,
    again,
    arrival(bundle.tenant),
  );
  expect(kinds(outcomes)).toEqual(['conflict', 'replayed', 'conflict', 'replayed', 'resolved']);
  expect(shards).toHaveLength(1);
  expect(await bundle.count('messages')).toBe(2);
});

it('refuses other content under ids that were accepted, and stores nothing of it', async () => {
  const bundle = await openBundle();
  const ids = { message_ids: ['1'] };
  await bundle.resolve(arrival(bundle.tenant, ids));
  const { outcomes } = await bundle.resolve(arrival(bundle.tenant, { ...ids, text: 'other' }));
  expect(kinds(outcomes)).toEqual(['conflict']);
  expect(await bundle.count('messages')).toBe(1);
});

it('answers an unknown credential and a disabled tenant differently', async () => {
  const bundle = await openBundle();
  const accepted = arrival(bundle.tenant, { message_ids: ['before'] });
  await bundle.resolve(accepted);
  await switchTenant(bundle.pool, bundle.tenant.id, false);
  const unknown = arrival(bundle.tenant, { account_fingerprint: 'f'.repeat(64) });
  const { outcomes } = await bundle.resolve(unknown, arrival(bundle.tenant), accepted);
  expect(kinds(outcomes)).toEqual(['unknown_tenant', 'tenant_disabled', 'replayed']);
});

it('keeps two tenants apart that have the same chat id or phone', async () => {
  const bundle = await openBundle();
  const other = await addTestTenant(bundle.pool);
  const same = { external_chat_id: 'same', client_phone: '+79990001122', message_ids: ['1'] };
  await bundle.resolve(arrival(bundle.tenant, same), arrival(other, same));
  expect(await bundle.count('clients')).toBe(2);
  expect(await bundle.count('messages where seq = 1')).toBe(2);
});

it('links by phone, fills in missing names and phones, and overwrites nothing', async () => {
  const bundle = await openBundle();
  const { tenant } = bundle;
  const phone = '+79990001122';
  await bundle.resolve(arrival(tenant, { external_chat_id: 'a', client_phone: phone }));
  await bundle.resolve(
    arrival(tenant, { external_chat_id: 'b', client_phone: '8 999 000-11-22', client_name: 'Ann' }),
  );
  await bundle.resolve(
    arrival(tenant, { external_chat_id: 'a', client_phone: '+79990003344', client_name: 'Eve' }),
  );
  const { rows } = await bundle.pool.query('select name, phone from clients');
  expect(rows).toEqual([{ name: 'Ann', phone }]);
  expect(await bundle.count('client_channels')).toBe(2);
});

it('does not give a client the phone of another', async () => {
  const bundle = await openBundle();
  const { tenant } = bundle;
  const phone = { client_phone: '+79990001122' };
  await bundle.resolve(arrival(tenant, { external_chat_id: 'nobody' }));
  await bundle.resolve(arrival(tenant, { external_chat_id: 'owner', ...phone }));
  await bundle.resolve(arrival(tenant, { external_chat_id: 'nobody', ...phone }));
  const { rows } = await bundle.pool.query('select payload from messages order by resolved_at');
  expect(rows.at(-1)?.payload.client.phone).toBeNull();
  expect(rows.at(-1)?.payload.client_phone).toBe(phone.client_phone);
});

it('fills one free phone into one of two clients that give it in one batch', async () => {
  const bundle = await openBundle();
  const { tenant } = bundle;
  const phone = { client_phone: '+79990001122' };
  await bundle.resolve(arrival(tenant, { external_chat_id: 'a' }));
  const { outcomes } = await bundle.resolve(
    arrival(tenant, { external_chat_id: 'a', ...phone }),
    arrival(tenant, { external_chat_id: 'new', ...phone }),
  );
  expect(kinds(outcomes)).toEqual(['resolved', 'resolved']);
  expect(await bundle.count('clients where phone is not null')).toBe(1);
});

it('keeps clients apart if linking by phone is switched off', async () => {
  const bundle = await openBundle({ linkByPhone: false });
  const { tenant } = bundle;
  const phone = { client_phone: '+79990001122' };
  await bundle.resolve(arrival(tenant, { external_chat_id: 'a', ...phone }));
  await bundle.resolve(
    arrival(tenant, { external_chat_id: 'b', ...phone }),
    arrival(tenant, { external_chat_id: 'c', ...phone }),
  );
  expect(await bundle.count('clients')).toBe(3);
  expect(await bundle.count('clients where phone is not null')).toBe(1);
});

it('opens a new dialog once the old one is closed, and makes none for a duplicate', async () => {
  const bundle = await openBundle();
  const first = arrival(bundle.tenant);
  await bundle.resolve(first);
  await bundle.pool.query('update dialogs set status_id = 3');
  await bundle.resolve(first);
  expect(await bundle.count('dialogs')).toBe(1);
  await bundle.resolve(arrival(bundle.tenant));
  expect(await bundle.count('dialogs where last_seq = 1')).toBe(2);
});

it('stores the payload for Core byte for byte', async () => {
  const bundle = await openBundle();
  const media = parseExactJson('{"id":12345678901234567890,"price":1.50,"emoji":"👩‍👩‍👧"}');
  await bundle.resolve(arrival(bundle.tenant, { media }));
  const { rows } = await bundle.pool.query('select payload::text as text from messages');
  expect(rows[0]?.text).toContain(
    '"media":{"id":12345678901234567890,"price":1.50,"emoji":"👩‍👩‍👧"}',
  );
});

it('stores the instant of a timestamp, and the timestamp as it came', async () => {
  const bundle = await openBundle();
  const times = [1_733_824_815, '2024-12-10 10:00:15.250', '0001-01-01T00:00:00+23:59'];
  for (const timestamp of [...times, '9999-12-31T23:59:59-23:59']) {
    await bundle.resolve(arrival(bundle.tenant, { timestamp }));
  }
  const { rows } = await bundle.pool.query(
    `select payload -> 'timestamp' as timestamp, (written_at at time zone 'UTC')::text as "writtenAt"
       from messages order by resolved_at`,
  );
  expect(rows).toEqual([
    { timestamp: 1_733_824_815, writtenAt: '2024-12-10 10:00:15' },
    { timestamp: '2024-12-10 10:00:15.250', writtenAt: '2024-12-10 10:00:15.25' },
    { timestamp: '0001-01-01T00:00:00+23:59', writtenAt: '0001-12-31 00:01:00 BC' },
    { timestamp: '9999-12-31T23:59:59-23:59', writtenAt: '10000-01-01 23:58:59' },
  ]);
});

it('fails a row that the database refuses alone', async () => {
  const bundle = await openBundle();
  // A rule of the database that the contract does not have: the row passes all our checks.
  await bundle.pool.query(
    "alter table messages add check ((payload ->> 'text') is distinct from 'poison')",
  );
  const batch = ['a', 'b', 'poison', 'c', 'd'].map((text) =>
    arrival(bundle.tenant, { text, external_chat_id: text }),
  );
  const { outcomes } = await bundle.resolve(...batch);
  expect(kinds(outcomes)).toEqual(['resolved', 'resolved', 'invalid', 'resolved', 'resolved']);
  expect(await bundle.count('clients')).toBe(4);
});

it('fails a message alone that always loses its race, and only its own chat waits for it', async () => {
  const bundle = await openBundle();
  await bundle.pool.query(
    `create function refuse() returns trigger language plpgsql as $$
       begin raise unique_violation; end $$;
     create trigger refuse before insert on messages for each row
       when (new.payload ->> 'text' = 'poison') execute function refuse()`,
  );
  const batch = ['a', 'poison', 'b'].map((text) => arrival(bundle.tenant, { text }));
  const elsewhere = arrival(bundle.tenant, { external_chat_id: 'another' });
  const { outcomes } = await bundle.resolve(...batch, elsewhere);
  expect(outcomes).toMatchObject([
    { kind: 'resolved' },
    { code: 'unexpected' },
    { code: 'not_tried' },
    { kind: 'resolved' },
  ]);
});

it('throws when Postgres is away, and answers no account as unknown', async () => {
  const bundle = await openBundle();
  await bundle.pool.query('alter table tenants rename to elsewhere');
  await expect(bundle.resolve(arrival(bundle.tenant))).rejects.toMatchObject({
    code: 'postgres_unavailable',
  });
});
