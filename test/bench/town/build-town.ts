import { migrate, migrationNames } from '@contour/store';
import { databaseUrl, openAsStore, type Pool } from '../../support/outside-pool.ts';
import { CHAT, CREDENTIAL, type Town } from './town.ts';

/** Contains the last migration: a town of an older schema has another name. */
async function nameOf({ tenants, clients }: Town): Promise<string> {
  const last = (await migrationNames()).at(-1)?.slice(0, 4);
  return `town_${last}_${tenants}_${clients}`;
}

/** Random ids, as an index has them, but always the same for the same town. */
const idOf = (kind: string, number: string) => `md5('${kind} ' || ${number})::uuid`;

/** Ten million clients take long. */
const STATEMENT_MS = 60 * 60_000;

const open = (url: string) =>
  openAsStore({
    url,
    applicationName: 'contour-bench',
    max: 1,
    statementTimeoutMs: STATEMENT_MS,
    onError: () => undefined,
  });

const FILL = ({ tenants, clients }: Town): string[] => [
  // The rows are consistent by construction: foreign keys need no check.
  "set session_replication_role = 'replica'",
  `insert into tenants (id, domain_id, name)
   select ${idOf('tenant', 't')}, 1 + t % 10, 'Tenant ' || t from generate_series(0, ${tenants - 1}) t`,
  `insert into channel_accounts (id, tenant_id, channel_id, account_id) overriding system value
   select t + 1, ${idOf('tenant', 't')}, 1, '${CREDENTIAL}' || t from generate_series(0, ${tenants - 1}) t`,
  `select setval(pg_get_serial_sequence('channel_accounts', 'id'), ${tenants})`,
  `insert into clients (tenant_id, id, name, phone, graph_synced_at)
   select ${idOf('tenant', `(c % ${tenants})`)}, ${idOf('client', 'c')}, 'Client ' || c,
          '+79' || lpad(c::text, 9, '0'), now()
     from generate_series(0, ${clients - 1}) c`,
  `insert into client_channels (tenant_id, channel_id, external_id, client_id, graph_synced_at)
   select ${idOf('tenant', `(c % ${tenants})`)}, 1, '${CHAT}' || c, ${idOf('client', 'c')}, now()
     from generate_series(0, ${clients - 1}) c`,
  `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id, graph_synced_at)
   select ${idOf('tenant', `(c % ${tenants})`)}, ${idOf('dialog', 'c')}, ${idOf('client', 'c')}, 1, 1 + c % ${tenants}, now()
     from generate_series(0, ${clients - 1}) c`,
  "set session_replication_role = 'origin'",
];

async function isThere(server: Pool, name: string): Promise<boolean> {
  const { rowCount } = await server.query('select 1 from pg_database where datname = $1', [name]);
  return rowCount === 1;
}

async function build(server: Pool, serverUrl: string, town: Town, name: string): Promise<void> {
  const draft = `${name}_draft`;
  await server.query(`drop database if exists "${draft}" with (force)`);
  await server.query(`create database "${draft}"`);
  const pool = open(databaseUrl(serverUrl, draft));
  try {
    await migrate(pool);
    for (const sql of FILL(town)) await pool.query(sql);
    await pool.query('vacuum (analyze)');
  } finally {
    await pool.end();
  }
  // Renamed when it is complete: an interrupted one is built again.
  await server.query(`alter database "${draft}" rename to "${name}"`);
}

/** How many clients fit into the server's memory. */
const FITS = 1_000_000;

/** Warms the caches, so that the first measurement does not read everything from disk. */
async function readIn(databaseUrl: string): Promise<void> {
  const pool = open(databaseUrl);
  try {
    await pool.query('create extension if not exists pg_prewarm');
    await pool.query(
      `select pg_prewarm(oid) from pg_class
        where relkind in ('r', 'i') and relnamespace = 'public'::regnamespace`,
    );
  } finally {
    await pool.end();
  }
}

/** A database with this town, copied from a template that is built once and kept. */
export async function openTown(serverUrl: string, town: Town, database: string): Promise<string> {
  const server = open(serverUrl);
  try {
    const template = await nameOf(town);
    if (!(await isThere(server, template))) {
      console.log(`Loading ${town.clients} clients of ${town.tenants} tenants …`);
      await build(server, serverUrl, town, template);
    }
    await server.query(`drop database if exists "${database}" with (force)`);
    await server.query(`create database "${database}" template "${template}" strategy file_copy`);
  } finally {
    await server.end();
  }
  const url = databaseUrl(serverUrl, database);
  if (town.clients <= FITS) await readIn(url);
  return url;
}
