import type { TenantId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { unexpected } from '../database/errors.ts';
import { statement } from '../database/statement.ts';

export interface Tenant {
  id: TenantId;
  name: string;
  domainId: number;
  isActive: boolean;
  /** How many channel accounts it has. */
  accounts: number;
}

const COLUMNS = `t.id, t.name, t.domain_id as "domainId", t.is_active as "isActive",
  (select count(*)::int from channel_accounts a where a.tenant_id = t.id) as accounts`;

export const listTenants = statement<Tenant>(
  'list_tenants',
  `select ${COLUMNS} from tenants t order by t.name, t.id`,
);

const selectNamed = statement<Tenant>(
  'find_tenants_called',
  `select ${COLUMNS} from tenants t where t.id::text = lower($1) or t.name = $1
    order by t.id::text = lower($1) desc, t.id`,
);

const insertTenant = statement<{ id: TenantId }>(
  'add_tenant',
  `insert into tenants (id, domain_id, name) values (coalesce($1::uuid, gen_random_uuid()), $2, $3)
   on conflict (id) do update set domain_id = excluded.domain_id, name = excluded.name
   returning id`,
);

const updateActive = statement<{ id: string }>(
  'switch_tenant',
  'update tenants set is_active = $2 where id = $1 and is_active <> $2 returning id',
);

/** Makes a tenant, or updates the one with this id. */
export async function addTenant(
  db: Queryable,
  tenant: { id?: string; domainId: number; name: string },
): Promise<{ id: TenantId }> {
  const [row] = await insertTenant(db, tenant.id ?? null, tenant.domainId, tenant.name);
  if (row === undefined) throw unexpected('the tenant was not returned');
  return row;
}

/** The tenant with this id, or else all tenants with this name, which need not be unique. */
export async function findTenantsCalled(db: Queryable, idOrName: string): Promise<Tenant[]> {
  const found = await selectNamed(db, idOrName);
  const [first] = found;
  return first?.id === idOrName.toLowerCase() ? [first] : found;
}

/** Returns whether this changed anything. */
export async function switchTenant(db: Queryable, id: string, isActive: boolean): Promise<boolean> {
  return (await updateActive(db, id, isActive)).length > 0;
}
