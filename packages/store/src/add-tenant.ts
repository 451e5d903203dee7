import type { Queryable } from './statement.ts';
import { statement } from './statement.ts';

const insertTenant = statement<{ id: string }>(
  'add_tenant',
  `insert into tenants (id, domain_id, name) values (coalesce($1::uuid, gen_random_uuid()), $2, $3)
   on conflict (id) do update set domain_id = excluded.domain_id, name = excluded.name
   returning id`,
);

export async function addTenant(
  db: Queryable,
  tenant: { id?: string; domainId: number; name: string },
): Promise<{ id: string }> {
  const [row] = await insertTenant(db, tenant.id ?? null, tenant.domainId, tenant.name);
  if (row === undefined) throw new Error('the tenant was not returned');
  return row;
}
