import type { DlqEntry } from '@contour/contract';
import {
  countTenant,
  countUnmirrored,
  type DlqFilter,
  deadAmong,
  deadLetters,
  deadMessages,
  type FormerEntry,
  findFormer,
  findSuspects,
  type Pool,
  type Scope,
  type Suspect,
  strayTenants,
  type TableCheck,
  type TenantCounts,
  type Unmirrored,
} from '@contour/store';

/** What an audit reads in Postgres. */
export interface AuditSources {
  countTenant(tenantId: string): Promise<TenantCounts>;
  findSuspects(
    check: TableCheck,
    scope: Scope,
    keys: readonly string[] | null,
    onSuspects: (suspects: Suspect[]) => Promise<void>,
  ): Promise<void>;
  strayTenants(): ReturnType<typeof strayTenants>;
  deadMessages(tenantId: string): AsyncIterable<string[]>;
  deadAmong<Key extends Suspect & { messageId: string }>(keys: readonly Key[]): Promise<Key[]>;
  entry(id: string): Promise<DlqEntry | null>;
  entries(filter: DlqFilter): AsyncIterable<DlqEntry[]>;
  former(id: string): Promise<FormerEntry | null>;
  /** Of one tenant, or of all. */
  countUnmirrored(tenantId: string | null): Promise<Unmirrored>;
}

export function auditSources(pool: Pool): AuditSources {
  const dlq = deadLetters(pool);
  return {
    countTenant: (tenantId) => countTenant(pool, tenantId),
    findSuspects: (...args) => findSuspects(pool, ...args),
    strayTenants: () => strayTenants(pool),
    deadMessages: (tenantId) => deadMessages(pool, tenantId),
    deadAmong: (keys) => deadAmong(pool, keys),
    entry: dlq.get,
    entries: (filter) => dlq.matching(filter, Number.POSITIVE_INFINITY),
    former: (id) => findFormer(pool, id),
    countUnmirrored: (tenantId) => countUnmirrored(pool, tenantId),
  };
}
