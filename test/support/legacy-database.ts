import { randomUUID } from 'node:crypto';
import type { Database } from './fresh-database.ts';
import { openAsStore } from './outside-pool.ts';

const TABLES = `
  create table tenants (id uuid primary key default gen_random_uuid(), name varchar(100));
  create table channels (id smallint primary key, code varchar(20) not null);
  create table channel_accounts (id serial primary key, tenant_id uuid references tenants (id),
    channel_id smallint, account_id varchar(200), is_active boolean default true);
  create table clients (id uuid primary key, tenant_id uuid, name varchar(200), phone varchar(40),
    created_at timestamp default now());
  create table client_channels (id bigserial primary key, client_id uuid, channel_id integer,
    external_id varchar(100), external_username varchar(100));
  create table dialogs (id uuid primary key, tenant_id uuid, client_id uuid references clients (id),
    channel_id integer, channel_account_id integer references channel_accounts (id), status_id integer,
    vertical_id integer, created_at timestamp default now(), updated_at timestamp);
  create table crm_notes (id serial primary key, client_id uuid references clients (id) on delete cascade);
  create table crm_calls (id serial primary key, dialog_id uuid references dialogs (id) on delete cascade);
  insert into channels values (1, 'telegram'), (2, 'whatsapp'), (3, 'vk');`;

// Ids made from numbers, so that the rows of the tables can refer to each other.
const id = (kind: number, n: string) =>
  `(lpad('${kind}', 8, '0') || '-0000-4000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;

/** Untidy data of $1 clients of four tenants. i is a client's number. */
const FILL = [
  `insert into tenants (id, name) select ${id(1, 't')}, 'tenant ' || t from generate_series(0, 3) t`,
  `insert into channel_accounts (tenant_id, channel_id, account_id)
   select ${id(1, 't % 4')}, 1, 'legacy-credential-' || t % 4 from generate_series(0, 4) t`,
  // Every 50th has the phone of the client 4 before, who is of the same tenant, typed in another way.
  `insert into clients (id, tenant_id, name, phone, created_at)
   select ${id(2, 'i')}, ${id(1, 'i % 4')}, 'client ' || i,
          case when i % 10 = 9 then null when i % 100 = 7 then 'ask the wife'
               when i % 50 = 0 and i > 4 then '8 (9' || lpad((i - 4)::text, 9, '0') || ')'
               when i % 3 = 0 then '+79' || lpad(i::text, 9, '0')
               when i % 3 = 1 then '8 9' || lpad(i::text, 9, '0') else '7-9' || lpad(i::text, 9, '0') end,
          timestamp '2020-01-01' + i * interval '1 second'
     from generate_series(0, $1::int - 1) i`,
  `insert into client_channels (client_id, channel_id, external_id)
   select ${id(2, 'i')}, 1, 'user-' || i from generate_series(0, $1::int - 1) i
   union all select ${id(2, 'i')}, 1, 'user-' || i from generate_series(0, $1::int - 1, 20) i
   union all select ${id(2, 'i')}, 1, 'user-' || (i - 4) from generate_series(4, $1::int - 1, 33) i
   union all select ${id(9, 'i')}, 1, 'no-client-' || i from generate_series(0, $1::int - 1, 1000) i`,
  // A closed one and an open one each; every 25th has two open ones, every 40th one in the fifth account,
  // which repeats the first one's credential.
  `insert into dialogs (id, tenant_id, client_id, channel_id, channel_account_id, status_id, created_at, updated_at)
   select ${id(3, 'i * 4 + n')}, ${id(1, 'i % 4')}, ${id(2, 'i')}, 1, case n when 3 then 5 else i % 4 + 1 end,
          case n when 0 then 4 else 1 end, at, at
     from generate_series(0, $1::int - 1) i, generate_series(0, 3) n,
          lateral (select timestamp '2021-01-01' + (i + n) * interval '1 second' as at) a
    where n < 2 or (n = 2 and i % 25 = 0) or (n = 3 and i % 40 = 0)`,
  `insert into crm_notes (client_id) select id from clients`,
  `insert into crm_calls (dialog_id) select id from dialogs`,
  // The original rows, for the audit, and other tables of that system.
  `create table original_clients as select id, tenant_id, phone, created_at from clients`,
  'analyze',
];

/** A database of another system: without our indexes and columns, with faulty rows of every kind. */
export async function createLegacyDatabase(serverUrl: string, clients: number): Promise<Database> {
  const options = {
    applicationName: 'contour-test',
    onError: () => undefined,
    statementTimeoutMs: 600_000,
  };
  const server = openAsStore({ ...options, url: serverUrl, max: 1 });
  const name = `legacy_${randomUUID().replaceAll('-', '')}`;
  await server.query(`create database "${name}"`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = openAsStore({ ...options, url: url.href, max: 6 });
  await pool.query(TABLES);
  for (const sql of FILL) await pool.query(sql, sql.includes('$1') ? [clients] : []);
  return {
    url: url.href,
    pool,
    async drop() {
      await pool.end();
      await server.query(`drop database "${name}" with (force)`);
      await server.end();
    },
  };
}
