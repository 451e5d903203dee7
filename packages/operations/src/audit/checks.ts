import {
  countTenant,
  countUnmirrored,
  deadMessages,
  findSuspects,
  type Suspect,
  strayTenants,
  type TableCheck,
  type TenantCounts,
} from '@contour/store/audit';
import type { Database } from '@contour/store/database';
import { type DlqFilter, deadLetters, findFormer } from '@contour/store/dead-letters';
import { deadAmong } from '@contour/store/messages';
import { boundTo } from '../bound.ts';
import { type AuditFinding, concluded, createSuspicion, type Pause } from './suspicion.ts';

/** What an audit reads in Postgres. */
export type AuditSources = ReturnType<typeof auditSources>;

export function auditSources(pool: Database) {
  const { get, matching } = deadLetters(pool);
  const bound = boundTo(pool);
  return {
    countTenant: bound(countTenant),
    findSuspects: bound(findSuspects),
    strayTenants: bound(strayTenants),
    deadMessages: bound(deadMessages),
    deadAmong: <Key extends Suspect & { messageId: string }>(keys: readonly Key[]) =>
      deadAmong(pool, keys),
    entry: get,
    entries: (filter: DlqFilter) => matching(filter, Number.POSITIVE_INFINITY),
    former: bound(findFormer),
    countUnmirrored: bound(countUnmirrored),
  };
}

/** One check of the tables, tenant by tenant. */
export function auditTables(
  { findSuspects }: Pick<AuditSources, 'findSuspects'>,
  check: TableCheck,
  retentionDays: number,
  { broken, pause }: { broken: 'violated' | 'warning'; pause: Pause | undefined },
) {
  let looked = 0;
  const suspicion = createSuspicion(async (suspects) => {
    const left: Suspect[] = [];
    for (const tenantId of new Set(suspects.map((suspect) => suspect.tenantId))) {
      const own = suspects.filter((suspect) => suspect.tenantId === tenantId);
      await findSuspects(check, { tenantId, retentionDays }, keysOf(own), async (found) => {
        left.push(...found);
      });
    }
    return left;
  }, pause);
  return {
    /** Checks one tenant, whose rows are added to the number of checked rows. */
    async audit(tenantId: string, counts: TenantCounts): Promise<void> {
      looked += counts[check.of];
      await findSuspects(check, { tenantId, retentionDays }, null, suspicion.add);
    },
    async end(): Promise<AuditFinding> {
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

const DEAD = { check: 'dead', promise: 'a dead message has its dead-letter entry' };
const ENTRIES = { check: 'dead-letters', promise: 'an entry about Core has its dead message' };

/** The messages whose entry is missing although no operator is known to have cleared it. */
async function withoutEntry(sources: AuditSources, ids: readonly string[]): Promise<string[]> {
  const isLacking = await Promise.all(
    ids.map(async (id) => {
      if ((await sources.entry(id))?.stage === 'deliver') return false;
      return (await sources.former(id))?.leaving !== 'cleared';
    }),
  );
  return ids.filter((_, index) => isLacking[index]);
}

/** Checks that every dead message is in the dead-letter queue, unless an operator has cleared it. */
export async function auditDead(
  sources: AuditSources,
  tenantIds: readonly string[],
  pause: Pause | undefined,
): Promise<AuditFinding> {
  const suspicion = createSuspicion(async (suspects) => {
    const dead = await stillDead(sources, suspects);
    const left = new Set(await withoutEntry(sources, keysOf(dead)));
    return dead.filter(({ key }) => left.has(key));
  }, pause);
  let looked = 0;
  for (const tenantId of tenantIds) {
    for await (const ids of sources.deadMessages(tenantId)) {
      looked += ids.length;
      const lacking = await withoutEntry(sources, ids);
      await suspicion.add(
        lacking.map((key) => ({
          ...{ tenantId, key },
          detail: `message ${key}: dead; its entry is lost, or was cleared more than a week ago`,
        })),
      );
    }
  }
  return concluded(DEAD, looked, await suspicion.end());
}

const keysOf = (suspects: readonly Suspect[]) => suspects.map(({ key }) => key);

const stillDead = (sources: AuditSources, suspects: readonly Suspect[]) =>
  sources.deadAmong(suspects.map((suspect) => ({ ...suspect, messageId: suspect.key })));

async function withoutDead(
  sources: AuditSources,
  suspects: readonly Suspect[],
): Promise<Suspect[]> {
  const dead = new Set(keysOf(await stillDead(sources, suspects)));
  return suspects.filter(({ key }) => !dead.has(key));
}

/** Checks that every entry of a message that Core did not take refers to a dead message. */
export async function auditEntries(
  sources: AuditSources,
  filter: DlqFilter,
  pause: Pause | undefined,
): Promise<AuditFinding> {
  const suspicion = createSuspicion(async (suspects) => {
    const entries = await Promise.all(suspects.map(({ key }) => sources.entry(key)));
    const left = suspects.filter((_, index) => entries[index]?.stage === 'deliver');
    return withoutDead(sources, left);
  }, pause);
  let looked = 0;
  for await (const page of sources.entries(filter)) {
    const aboutCore = page.filter(({ stage }) => stage === 'deliver');
    looked += aboutCore.length;
    const suspects = aboutCore.map(({ id, tenantId, reason }) => ({
      ...{ tenantId: tenantId ?? '', key: id },
      detail: `entry ${id} (${reason}): its message is not dead`,
    }));
    await suspicion.add(await withoutDead(sources, suspects));
  }
  return concluded(ENTRIES, looked, await suspicion.end());
}
