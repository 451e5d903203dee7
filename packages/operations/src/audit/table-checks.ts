import type { Suspect, TableCheck, TenantCounts } from '@contour/store';
import type { AuditSources } from './sources.ts';
import { type AuditFinding, concluded, createSuspicion, type Pause } from './suspicion.ts';

export interface TableAudit {
  /** Checks one tenant, whose rows are added to the number of checked rows. */
  audit(tenantId: string, counts: TenantCounts): Promise<void>;
  end(): Promise<AuditFinding>;
}

/** One check of the tables, tenant by tenant. */
export function auditTables(
  { findSuspects }: Pick<AuditSources, 'findSuspects'>,
  check: TableCheck,
  retentionDays: number,
  { broken = 'violated', pause }: { broken?: 'violated' | 'warning'; pause: Pause | undefined },
): TableAudit {
  let looked = 0;
  const suspicion = createSuspicion(async (suspects) => {
    const left: Suspect[] = [];
    for (const tenantId of new Set(suspects.map((suspect) => suspect.tenantId))) {
      const own = suspects.filter((suspect) => suspect.tenantId === tenantId);
      const keys = own.map(({ key }) => key);
      await findSuspects(check, { tenantId, retentionDays }, keys, async (found) => {
        left.push(...found);
      });
    }
    return left;
  }, pause);
  return {
    async audit(tenantId, counts) {
      looked += counts[check.of];
      await findSuspects(check, { tenantId, retentionDays }, null, suspicion.add);
    },
    async end() {
      const about = { check: check.name, promise: check.promise };
      return concluded(about, looked, await suspicion.end(), broken);
    },
  };
}

const STRAYS = { check: 'strays', promise: 'every row has a tenant' };

/** Rows whose tenant does not exist. No audit of a tenant finds them. */
export async function auditStrays(
  { strayTenants }: Pick<AuditSources, 'strayTenants'>,
  tenants: number,
  pause: Pause | undefined,
): Promise<AuditFinding> {
  const suspicion = createSuspicion(async (suspects) => {
    const left = new Set((await strayTenants()).map(({ tenantId }) => tenantId));
    return suspects.filter(({ key }) => left.has(key));
  }, pause);
  const strays = await strayTenants();
  await suspicion.add(
    strays.map(({ tenantId, table }) => ({
      ...{ tenantId: '', key: tenantId },
      detail: `${table} has rows of ${tenantId}, which is no tenant`,
    })),
  );
  return concluded(STRAYS, tenants, await suspicion.end());
}
