import {
  findSuspects,
  type Pool,
  type Suspect,
  strayTenants,
  type TableCheck,
  type TenantCounts,
} from '@contour/store';
import { type AuditFinding, concluded } from './audit-finding.ts';
import { createSuspicion } from './suspicion.ts';

export interface TableAudit {
  /** Looks at one tenant, whose rows are added to what was looked at. */
  audit(tenantId: string, counts: TenantCounts): Promise<void>;
  end(): Promise<AuditFinding>;
}

/** One check of the tables, tenant by tenant. */
export function auditTables(
  pool: Pool,
  check: TableCheck,
  retentionDays: number,
  broken: Extract<AuditFinding['state'], 'violated' | 'warning'> = 'violated',
): TableAudit {
  let looked = 0;
  const suspicion = createSuspicion(async (suspects) => {
    const left: Suspect[] = [];
    for (const tenantId of new Set(suspects.map((suspect) => suspect.tenantId))) {
      const own = suspects.filter((suspect) => suspect.tenantId === tenantId);
      const keys = own.map(({ key }) => key);
      await findSuspects(pool, check, { tenantId, retentionDays }, keys, async (found) => {
        left.push(...found);
      });
    }
    return left;
  });
  return {
    async audit(tenantId, counts) {
      looked += counts[check.of];
      await findSuspects(pool, check, { tenantId, retentionDays }, null, suspicion.add);
    },
    async end() {
      const about = { check: check.name, promise: check.promise };
      return concluded(about, looked, await suspicion.end(), broken);
    },
  };
}

const STRAYS = { check: 'strays', promise: 'every row has a tenant' };

/** Rows whose tenant does not exist are in no tenant's audit. */
export async function auditStrays(pool: Pool, tenants: number): Promise<AuditFinding> {
  const suspicion = createSuspicion(async (suspects) => {
    const left = new Set((await strayTenants(pool)).map(({ tenantId }) => tenantId));
    return suspects.filter(({ key }) => left.has(key));
  });
  const strays = await strayTenants(pool);
  await suspicion.add(
    strays.map(({ tenantId, table }) => ({
      ...{ tenantId: '', key: tenantId },
      detail: `${table} has rows of ${tenantId}, which is no tenant`,
    })),
  );
  return concluded(STRAYS, tenants, await suspicion.end());
}
