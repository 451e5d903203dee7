import { createIndex, dropIndex } from '../ddl/create-index.ts';
import type { PoolClient } from '../pool.ts';

// For finding duplicates, and for the guards; each goes when the unique index is there.
const HELPERS = [
  `create index contour_adopt_phone on clients (tenant_id, phone) where phone is not null`,
  `create index contour_adopt_identity on client_channels (tenant_id, channel_id, external_id)`,
  `create index contour_adopt_open on dialogs (tenant_id, client_id, channel_account_id)
     where status_id in (1, 2)`,
  `create index contour_adopt_client on dialogs (client_id)`,
];

// What the first migration makes as primary keys; theirs stay as they are.
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
