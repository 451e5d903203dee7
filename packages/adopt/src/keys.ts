import { createIndex, dropIndex, type PoolClient, run } from '@contour/store/schema';
import { runDdl } from './session.ts';

// For finding duplicates, and for the guards. They are dropped when the unique indexes exist.
const HELPERS = {
  contour_adopt_phone: 'clients (tenant_id, phone) where phone is not null',
  contour_adopt_identity: 'client_channels (tenant_id, channel_id, external_id)',
  contour_adopt_open:
    'dialogs (tenant_id, client_id, channel_account_id) where status_id in (1, 2)',
  contour_adopt_client: 'dialogs (client_id)',
};

export async function addHelperIndexes(client: PoolClient): Promise<void> {
  for (const [name, on] of Object.entries(HELPERS)) {
    await createIndex(client, `create index ${name} on ${on}`);
  }
}

export async function dropHelperIndexes(client: PoolClient): Promise<void> {
  for (const name of Object.keys(HELPERS)) await dropIndex(client, name);
}

/** Makes what the first migration makes as primary keys. The old system's primary keys stay. */
export async function addTenantKeys(client: PoolClient): Promise<void> {
  for (const table of ['clients', 'dialogs']) {
    await createIndex(
      client,
      `create unique index ${table}_tenant_key on ${table} (tenant_id, id)`,
    );
  }
}

export const IDENTITY_KEY =
  'create unique index client_channels_identity on client_channels (tenant_id, channel_id, external_id)';

// The same as in the first migration, in the words of pg_get_constraintdef().
const FOREIGN_KEYS = [
  ['channel_accounts', 'tenant_id', 'tenants(id)'],
  ['channel_accounts', 'channel_id', 'channels(id)'],
  ['clients', 'tenant_id', 'tenants(id)'],
  ['client_channels', 'channel_id', 'channels(id)'],
  ['client_channels', 'tenant_id, client_id', 'clients(tenant_id, id)'],
  ['dialogs', 'channel_id', 'channels(id)'],
  ['dialogs', 'tenant_id, client_id', 'clients(tenant_id, id)'],
  ['dialogs', 'tenant_id, channel_account_id', 'channel_accounts(tenant_id, id)'],
] as const;

/** Adds the missing foreign keys: first for new rows, then for all. Those of the old system stay. */
export async function addForeignKeys(client: PoolClient): Promise<void> {
  for (const [table, columns, target] of FOREIGN_KEYS) {
    const definition = `FOREIGN KEY (${columns}) REFERENCES ${target}`;
    const [known] = await run<{ name: string; isValid: boolean }>(
      client,
      `select quote_ident(conname) as name, convalidated as "isValid" from pg_constraint
        where contype = 'f' and conrelid = to_regclass($1)
          and starts_with(pg_get_constraintdef(oid), $2)`,
      [table, definition],
    );
    if (known?.isValid) continue;
    const name = known?.name ?? `${table}_${columns.replaceAll(', ', '_')}_fkey_contour`;
    const alter = `alter table ${table} add constraint ${name} ${definition} not valid`;
    if (known === undefined) await runDdl(client, alter);
    await client.query(`alter table ${table} validate constraint ${name}`);
  }
}
