import { findTenantsCalled, type Pool, type Tenant } from '@contour/store';
import { UsageError } from './cli.ts';
import { printable } from './printable.ts';

/** The tenant that an operator means, by its id or by a name that only it has. */
export async function pickTenant(pool: Pool, idOrName: string): Promise<Tenant> {
  const [tenant, ...others] = await findTenantsCalled(pool, idOrName);
  if (tenant === undefined) {
    throw new UsageError(`there is no tenant "${printable(idOrName)}": see contour tenant list`);
  }
  if (others.length > 0) {
    const ids = [tenant, ...others].map(({ id }) => id).join(', ');
    throw new UsageError(
      `several tenants are called "${printable(idOrName)}": name one by its id (${ids})`,
    );
  }
  return tenant;
}
