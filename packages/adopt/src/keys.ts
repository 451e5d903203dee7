import { createIndex, dropIndex, type PoolClient } from '@contour/store';
import { runDdl } from './session.ts';

// For finding duplicates, and for the guards. They are dropped when the unique indexes exist.
const HELPERS = [
  `create index contour_adopt_phone on clients (tenant_id, phone) where phone is not null`,
  `create index contour_adopt_identity on client_channels (tenant_id, channel_id, external_id)`,
  `create index contour_adopt_open on dialogs (tenant_id, client_id, channel_account_id)
     where status_id in (1, 2)`,
  `create index contour_adopt_client on dialogs (client_id)`,
];

// The first migration makes these as primary keys. The old system's primary keys stay.
const KEYS = [
  'create unique index clients_tenant_key on clients (tenant_id, id)',
  'create unique index dialogs_tenant_key on dialogs (tenant_id, id)',
];

export async function addHelperIndexes(client: PoolClient): Promise<void> {
  for (const sql of HELPERS) await createIndex(client, sql);
}

export async function dropHelperIndexes(client: PoolClient): Promise<void> {
  for (const name of ['phone', 'identity', 'open', 'client']) {
    await dropIndex(client, `contour_adopt_${name}`);
  }
}

export async function addTenantKeys(client: PoolClient): Promise<void> {
  for (const sql of KEYS) await createIndex(client, sql);
}

export const IDENTITY_KEY =
  'create unique index client_channels_identity on client_channels (tenant_id, channel_id, external_id)';

// The same as in the first migration.
const FOREIGN_KEYS = [
  ['channel_accounts', ['tenant_id'], 'tenants', ['id']],
  ['channel_accounts', ['channel_id'], 'channels', ['id']],
  ['clients', ['tenant_id'], 'tenants', ['id']],
  ['client_channels', ['channel_id'], 'channels', ['id']],
  ['client_channels', ['tenant_id', 'client_id'], 'clients', ['tenant_id', 'id']],
  ['dialogs', ['channel_id'], 'channels', ['id']],
  ['dialogs', ['tenant_id', 'client_id'], 'clients', ['tenant_id', 'id']],
  ['dialogs', ['tenant_id', 'channel_account_id'], 'channel_accounts', ['tenant_id', 'id']],
] as const;

interface Known {
  name: string;
  isValid: boolean;
}

async function findKey(
  client: PoolClient,
  [from, columns, to, targets]: (typeof FOREIGN_KEYS)[number],
): Promise<Known | undefined> {
  const names = (relation: string, numbers: string) =>
    `array(select a.attname::text from unnest(${numbers}) with ordinality k(attnum, n)
             join pg_attribute a on a.attrelid = ${relation} and a.attnum = k.attnum order by k.n)`;
  const { rows } = await client.query<Known>(
    `select conname as name, convalidated as "isValid" from pg_constraint
      where contype = 'f' and conrelid = to_regclass($1) and confrelid = to_regclass($3)
        and ${names('conrelid', 'conkey')} = $2::text[]
        and ${names('confrelid', 'confkey')} = $4::text[]`,
    [from, columns, to, targets],
  );
  return rows[0];
}

/** Adds the missing foreign keys: first for new rows, then for all. Those of the old system stay. */
export async function addForeignKeys(client: PoolClient): Promise<void> {
  for (const key of FOREIGN_KEYS) {
    const [from, columns, to, targets] = key;
    const known = await findKey(client, key);
    if (known?.isValid) continue;
    const name = known?.name ?? `${from}_${columns.join('_')}_fkey_contour`;
    if (known === undefined) {
      await runDdl(
        client,
        `alter table ${from} add constraint ${name} foreign key (${columns.join(', ')})
           references ${to} (${targets.join(', ')}) not valid`,
      );
    }
    await client.query(`alter table ${from} validate constraint "${name}"`);
  }
}
