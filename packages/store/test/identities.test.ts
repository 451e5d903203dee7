import type pg from 'pg';
import { expect, test } from 'vitest';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { CROWDED_CLIENTS, findSuspects, type Suspect } from '../src/audit/index.ts';
import { createForecast, resolveBatch } from '../src/resolve/index.ts';
import { arrival, type Bundle, OPTIONS, openBundle } from './bundle.ts';

const PHONE = '+79990000000';

const chats = (tenant: Bundle['tenant'], from: number, to: number, change = {}) =>
  Array.from({ length: to - from }, (_, n) => {
    const external_chat_id = `chat ${String(from + n).padStart(3, '0')}`;
    return arrival(tenant, { external_chat_id, client_phone: PHONE, ...change });
  });

/** How many identities each client has, the owner of the phone first. */
async function sizes(pool: Pool): Promise<number[]> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(i.*)::int as n from clients c
       left join client_channels i on i.tenant_id = c.tenant_id and i.client_id = c.id
      group by c.tenant_id, c.id order by c.phone nulls last`,
  );
  return rows.map(({ n }) => n);
}

const alone = (count: number) => Array.from({ length: count }, () => 1);

test('a client gets twenty identities by its phone, and each further chat a client of its own', async () => {
  const { pool, tenant, resolve, count } = await openBundle();
  for (const one of chats(tenant, 0, 23)) await resolve(one);
  expect(await sizes(pool)).toEqual([20, ...alone(3)]);
  expect(await count(`clients where phone = '${PHONE}'`)).toBe(1);
  expect(await count('clients where phone is null')).toBe(3);
  expect(await count("messages where matched_by = 'phone'")).toBe(19);
});

test('the limit of twenty holds within one batch, and for an older client', async () => {
  const { pool, tenant, resolve } = await openBundle();
  await resolve(...chats(tenant, 0, 23));
  expect(await sizes(pool)).toEqual([20, ...alone(3)]);

  const other = await openBundle();
  await other.resolve(...chats(other.tenant, 0, 18));
  const { fullClients } = await other.resolve(...chats(other.tenant, 18, 23));
  expect(await sizes(other.pool)).toEqual([20, ...alone(3)]);
  const { rows } = await other.pool.query('select id from clients where phone is not null');
  expect(fullClients).toEqual([{ tenantId: other.tenant.id, clientId: rows[0].id }]);
});

test('a chat that was not linked stays with its own client, which never gets the phone', async () => {
  const { pool, tenant, resolve } = await openBundle();
  await resolve(...chats(tenant, 0, 21));
  const { fullClients, outcomes } = await resolve(...chats(tenant, 0, 21));
  expect(outcomes.map((one) => 'kind' in one && one.kind)).toEqual(outcomes.map(() => 'resolved'));
  expect(fullClients).toEqual([]);
  expect(await sizes(pool)).toEqual([20, 1]);
  const { rows } = await pool.query(
    "select payload -> 'client' ->> 'phone' as phone, payload ->> 'client_phone' as sent from messages where seq = 2 order by payload ->> 'external_chat_id'",
  );
  expect(rows.at(-1)).toEqual({ phone: null, sent: PHONE });
});

test('two batches that take the last place at once do not both get it', async () => {
  const { pool, tenant, resolve } = await openBundle();
  await resolve(...chats(tenant, 0, 19));
  let second: Promise<unknown> | undefined;
  const startSecond = async () => {
    second = resolve(...chats(tenant, 20, 21));
    await waitFor('the second to wait for the first', async () => {
      const { rows } = await pool.query(
        `select count(*)::int as n from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows[0].n === 1;
    });
  };
  // The first has counted the places, and has not inserted yet.
  const connect = async () => {
    const client = await pool.connect();
    const query = async (config: { name?: string }) => {
      if (config.name === 'insert_identities_and_clients') await startSecond();
      return client.query(config as never);
    };
    return Object.create(client, { query: { value: query } });
  };
  await resolveBatch({ connect } as unknown as Pool, chats(tenant, 19, 20), OPTIONS);
  await second;
  expect(await sizes(pool)).toEqual([20, 1]);
});

test('a chat with the phone of a full client does not wait for a lock on that client', async () => {
  const { pool, tenant, resolve } = await openBundle();
  await resolve(...chats(tenant, 0, 20));
  const holder = await pool.connect();
  await holder.query('begin');
  await holder.query('select from clients for no key update');
  const { outcomes } = await resolve(...chats(tenant, 20, 21));
  await holder.query('rollback');
  holder.release();
  expect(outcomes).toMatchObject([{ kind: 'resolved' }]);
});

test('a payload names fifty channels, its own among them', async () => {
  const { pool, tenant, resolve } = await openBundle();
  await resolve(...chats(tenant, 0, 1));
  await pool.query(
    `insert into client_channels (tenant_id, channel_id, external_id, client_id)
     select tenant_id, 1, 'chat ' || lpad(n::text, 3, '0'), id from clients, generate_series(1, 299) n`,
  );
  await resolve(...chats(tenant, 299, 300), ...chats(tenant, 0, 1), ...chats(tenant, 150, 151));
  const { rows } = await pool.query<{ chat: string; names: string[] }>(
    `select payload ->> 'external_chat_id' as chat,
            array(select json_array_elements(payload -> 'client' -> 'channels') ->> 'external_id') as names
       from messages where seq > 1`,
  );
  expect(rows).toHaveLength(3);
  for (const { chat, names } of rows) {
    expect(names).toHaveLength(50);
    expect(names).toContain(chat);
    expect(names).toEqual([...new Set(names)].sort());
  }
});

test('no statement reads more identities of a client than a payload names', async () => {
  const { pool, tenant, resolve } = await openBundle();
  await resolve(...chats(tenant, 0, 1));
  await pool.query(
    `insert into client_channels (tenant_id, channel_id, external_id, client_id)
     select tenant_id, 1, 'more ' || n, id from clients, generate_series(1, 5000) n`,
  );
  await pool.query('analyze client_channels');
  const client = await pool.connect();
  const read: Array<[name: string, rows: number]> = [];
  const query = async (config: pg.QueryConfig) => {
    const result = await client.query(config);
    if (config.name?.startsWith('find_clients')) read.push([config.name, result.rowCount ?? 0]);
    return result;
  };
  const watched = Object.create(client, { query: { value: query } });
  await resolveBatch(
    { connect: async () => watched } as unknown as Pool,
    [...chats(tenant, 0, 1), arrival(tenant, { external_chat_id: 'new', client_phone: PHONE })],
    OPTIONS,
  );
  expect(read).toEqual([
    ['find_clients_by_identity', 50],
    ['find_clients_by_phone', 20],
  ]);
});

test('a forecast counts the places of a phone as resolving does', async () => {
  const { pool, tenant, resolve } = await openBundle();
  await resolve(...chats(tenant, 0, 15));
  for (const size of [30, 4]) {
    const forecast = createForecast(pool, { linkByPhone: true });
    let clients = 0;
    const coming = chats(tenant, 15, 45);
    for (let at = 0; at < coming.length; at += size) {
      const prospects = await forecast.look(coming.slice(at, at + size));
      clients += prospects.filter((one) => one.kind === 'new' && one.makesClient).length;
    }
    expect(clients).toBe(25);
  }
});

test('the audit lists a client with twenty identities', async () => {
  const { pool, tenant, resolve } = await openBundle();
  const suspects = async (): Promise<Suspect[]> => {
    const found: Suspect[] = [];
    const scope = { tenantId: tenant.id, retentionDays: 30 };
    await findSuspects(pool, CROWDED_CLIENTS, scope, null, async (some) => {
      found.push(...some);
    });
    return found;
  };
  await resolve(...chats(tenant, 0, 19));
  expect(await suspects()).toEqual([]);
  await resolve(...chats(tenant, 19, 22));
  const { rows } = await pool.query('select id from clients where phone is not null');
  expect(await suspects()).toEqual([
    { tenantId: tenant.id, key: rows[0].id, detail: `client ${rows[0].id} has 20 identities` },
  ]);
});
