import type { Pool } from '../pool.ts';

const TABLES = [
  'channel_accounts',
  'clients',
  'client_channels',
  'dialogs',
  'messages',
  'lanes',
] as const;

// From one tenant to the next by the index that begins with it, instead of reading every row.
const strayIn = (table: (typeof TABLES)[number]) => `
  with recursive seen as (
    (select tenant_id from ${table} order by tenant_id limit 1)
    union all
    select (select n.tenant_id from ${table} n where n.tenant_id > s.tenant_id
             order by n.tenant_id limit 1)
      from seen s where s.tenant_id is not null
  )
  select '${table}' as found_in, tenant_id from seen
   where tenant_id is not null and not exists (select from tenants where id = tenant_id)`;

/** Tenants that have rows and are no tenants: whoever goes from tenant to tenant would miss them. */
export async function strayTenants(
  pool: Pool,
): Promise<Array<{ tenantId: string; table: string }>> {
  const { rows } = await pool.query<{ found_in: string; tenant_id: string }>(
    TABLES.map((table) => `(${strayIn(table)})`).join('\n union all\n'),
  );
  return rows.map((row) => ({ tenantId: row.tenant_id, table: row.found_in }));
}
