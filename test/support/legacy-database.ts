import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createPool, type Pool } from '@contour/store';
import type { Database } from './fresh-database.ts';

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

// Ids that can be told from a number, so that the rows of the tables find each other.
const id = (kind: number, n: string) =>
  `(lpad('${kind}', 8, '0') || '-0000-4000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;

/** What $1 clients of four tenants look like when nobody ever kept order; i is a client's number. */
const FILL = [
  `insert into tenants (id, name) select ${id(1, 't')}, 'tenant ' || t from generate_series(0, 3) t`,
  `insert into channel_accounts (tenant_id, channel_id, account_id)
   select ${id(1, 't')}, 1, 'legacy-credential-' || t from generate_series(0, 3) t`,
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
   union all select ${id(9, 'i')}, 1, 'nobody-' || i from generate_series(0, $1::int - 1, 1000) i`,
  // A closed one and an open one each; every 25th has two open ones.
  `insert into dialogs (id, tenant_id, client_id, channel_id, channel_account_id, status_id, created_at, updated_at)
   select ${id(3, 'i * 3 + n')}, ${id(1, 'i % 4')}, ${id(2, 'i')}, 1, i % 4 + 1,
          case n when 0 then 4 else 1 end, at, at
     from generate_series(0, $1::int - 1) i, generate_series(0, 2) n,
          lateral (select timestamp '2021-01-01' + (i + n) * interval '1 second' as at) a
    where n < 2 or i % 25 = 0`,
  `insert into crm_notes (client_id) select id from clients`,
  `insert into crm_calls (dialog_id) select id from dialogs`,
  // What was there, for the audit: other tables of theirs.
  `create table original_clients as select id, tenant_id, phone, created_at from clients`,
  'analyze',
];

/** A database of another system: none of our indexes and columns, and dirt of every kind. */
export async function createLegacyDatabase(serverUrl: string, clients: number): Promise<Database> {
  const options = {
    applicationName: 'contour-test',
    onError: () => undefined,
    statementTimeoutMs: 600_000,
  };
  const server = createPool({ ...options, url: serverUrl, max: 1 });
  const name = `legacy_${randomUUID().replaceAll('-', '')}`;
  await server.query(`create database "${name}"`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = createPool({ ...options, url: url.href, max: 6 });
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

export interface OldSystem {
  /** How many rows it has written, and how many were refused because they repeat a key. */
  written(): number;
  refused(): number;
  slowestMs(): number;
  /** Ends it; throws what it met besides refusals. */
  stop(): Promise<void>;
}

/** Goes on writing as ever: without our columns, and with a repeat now and then. */
export function startOldSystem(pool: Pool, { writers = 2, pauseMs = 5 } = {}): OldSystem {
  let isStopped = false;
  let written = 0;
  let refused = 0;
  let slowestMs = 0;
  const run = async (sql: string, values: unknown[]): Promise<boolean> => {
    let isRefused = false;
    const startedAt = performance.now();
    try {
      written += (await pool.query(sql, values)).rowCount ?? 0;
    } catch (error) {
      if ((error as { code?: string }).code !== '23505') throw error;
      refused += 1;
      isRefused = true;
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    return !isRefused;
  };
  const writer = async (w: number) => {
    for (let n = 0; !isStopped; n += 1) {
      const client = randomUUID();
      const tenant = `00000001-0000-4000-8000-00000000000${n % 4}`;
      // Every fifth repeats the phone, the chat and the open dialog of the one before.
      const m = n - (n % 5 === 4 ? 4 : 0);
      const phone = `8 (8${w}0) ${String(m).padStart(7, '0')}`;
      const isMade = await run(
        'insert into clients (id, tenant_id, name, phone) values ($1, $2, $3, $4)',
        [client, tenant, 'new', phone],
      );
      await delay(pauseMs);
      if (!isMade) continue;
      await run(
        'insert into client_channels (client_id, channel_id, external_id) values ($1, 1, $2)',
        [client, `new-${w}-${m}`],
      );
      for (let open = 0; open < (n % 5 === 4 ? 2 : 1); open += 1) {
        await run(
          `insert into dialogs (id, tenant_id, client_id, channel_id, channel_account_id, status_id, updated_at)
           values ($1, $2, $3, 1, $4, 1, now())`,
          [randomUUID(), tenant, client, (n % 4) + 1],
        );
      }
      await run('update clients set name = $2 where id = $1', [client, 'renamed']);
    }
  };
  const done = Promise.all(Array.from({ length: writers }, (_, w) => writer(w)));
  done.catch(() => undefined);
  return {
    written: () => written,
    refused: () => refused,
    slowestMs: () => Math.round(slowestMs),
    async stop() {
      isStopped = true;
      await done;
    },
  };
}

const RULES: Record<string, string> = {
  'a repeated identity': `select 1 from client_channels group by tenant_id, channel_id, external_id having count(*) > 1`,
  'a repeated phone': `select 1 from clients where phone is not null group by tenant_id, phone having count(*) > 1`,
  'two open dialogs': `select 1 from dialogs where status_id in (1, 2)
     group by tenant_id, client_id, channel_account_id having count(*) > 1`,
  'an identity of another tenant': `select 1 from client_channels i left join clients c on c.id = i.client_id
     where c.tenant_id is distinct from i.tenant_id`,
  'a lost client': `select 1 from original_clients o where not exists (select from clients c where c.id = o.id)`,
  'a lost note or call': `select 1 from original_clients o where not exists (select from crm_notes n where n.client_id = o.id)
     union all select 1 from dialogs d where status_id = 4 and not exists (select from crm_calls l where l.dialog_id = d.id)`,
  'a phone that was typed and is not kept': `select 1 from original_clients o join clients c using (id)
     where c.phone_as_typed is distinct from o.phone`,
  'a phone in another form': `select 1 from original_clients join clients c using (id) where c.phone !~ '^\\+7[0-9]{10}$'`,
  'a phone taken from the oldest': `select 1 from clients c join original_clients o using (id)
     where c.phone is null and o.phone is not null and o.phone <> 'ask the wife'
       and not exists (select from clients k where k.tenant_id = c.tenant_id and k.created_at < c.created_at
                          and k.phone = '+7' || right(regexp_replace(o.phone, '\\D', '', 'g'), 10))`,
  'an open dialog that is not the newest': `select 1 from dialogs d join dialogs n
       on n.client_id = d.client_id and n.status_id = 3 and n.channel_account_id = d.channel_account_id
     where d.status_id in (1, 2) and n.created_at > d.created_at`,
  'a chat without its client': `select 1 from original_clients o where not exists (
       select from client_channels i where i.external_id = 'user-' || (right(o.id::text, 12)::int))`,
};

/** What an adopted database breaks of what was promised. */
export async function auditAdopted(pool: Pool): Promise<string[]> {
  const broken: string[] = [];
  for (const [rule, sql] of Object.entries(RULES)) {
    const { rows } = await pool.query<{ n: number }>(`select count(*)::int as n from (${sql}) bad`);
    if (rows[0]?.n !== 0) broken.push(`${rows[0]?.n} times ${rule}`);
  }
  return broken;
}
