import { isUuid } from '@contour/contract';
import type { Database } from '@contour/store/database';
import { findTenantsCalled, type Tenant } from '@contour/store/tenants';
import { UsageError } from './cli.ts';
import { inDatabase } from './servers.ts';
import { printable } from './text.ts';

export const TENANT_OPTION = ['--tenant <tenant>', 'only this tenant, by its id or name'] as const;

/** The tenant with this id, or the only one with this name. */
export async function pickTenant(pool: Database, idOrName: string): Promise<Tenant> {
  const [tenant, ...others] = await findTenantsCalled(pool, idOrName);
  const called = printable(idOrName);
  if (tenant === undefined) {
    throw new UsageError(`there is no tenant "${called}": see contour tenant list`);
  }
  if (others.length > 0) {
    const ids = [tenant, ...others].map(({ id }) => id).join(', ');
    throw new UsageError(`several tenants are called "${called}": name one by its id (${ids})`);
  }
  return tenant;
}

/** A tenant id for a filter. An id is not looked up, because its tenant may have been deleted. */
export async function pickTenantId(env: NodeJS.ProcessEnv, idOrName: string): Promise<string> {
  if (isUuid(idOrName)) return idOrName.toLowerCase();
  return (await inDatabase(env, (pool) => pickTenant(pool, idOrName))).id;
}

/** Reads a whole number as it is typed. Throws UsageError with this text if it is none, or out of its bounds. */
export function wholeNumber(text: string, [min, max]: [number, number], fault: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(fault);
}
