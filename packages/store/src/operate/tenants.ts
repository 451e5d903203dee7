import { type Queryable, statement } from '../statement.ts';

export interface Tenant {
  id: string;
  name: string;
  domainId: number;
  isActive: boolean;
  /** How many channel accounts it has. */
  accounts: number;
}

interface TenantRow {
  id: string;
  name: string;
  domain_id: number;
  is_active: boolean;
  accounts: number;
}

const COLUMNS = `t.id, t.name, t.domain_id, t.is_active,
  (select count(*)::int from channel_accounts a where a.tenant_id = t.id) as accounts`;

const selectAll = statement<TenantRow>(
  'list_tenants',
  `select ${COLUMNS} from tenants t order by t.name, t.id`,
);

const selectNamed = statement<TenantRow>(
  'find_tenants_called',
  `select ${COLUMNS} from tenants t where t.id::text = lower($1) or t.name = $1
    order by t.id::text = lower($1) desc, t.id`,
);

const updateActive = statement<{ id: string }>(
  'switch_tenant',
  'update tenants set is_active = $2 where id = $1 and is_active <> $2 returning id',
);

const toTenant = (row: TenantRow): Tenant => ({
  id: row.id,
  name: row.name,
  domainId: row.domain_id,
  isActive: row.is_active,
  accounts: row.accounts,
});

export async function listTenants(db: Queryable): Promise<Tenant[]> {
  return (await selectAll(db)).map(toTenant);
}

/** The tenant with this id, else all that have it as their name: a name need not be unique. */
export async function findTenantsCalled(db: Queryable, idOrName: string): Promise<Tenant[]> {
  const found = (await selectNamed(db, idOrName)).map(toTenant);
  const [first] = found;
  return first?.id === idOrName.toLowerCase() ? [first] : found;
}

/** Returns whether that changed anything. */
export async function switchTenant(db: Queryable, id: string, isActive: boolean): Promise<boolean> {
  return (await updateActive(db, id, isActive)).length > 0;
}
