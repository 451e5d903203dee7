import type { PoolClient } from '../pool.ts';
import { runDdl } from './run-ddl.ts';

// As the first migration has them.
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

/** Adds the foreign keys that are not there, beside those of others: first for new rows, then for all. */
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
