import {
  countTenant,
  countUnmirrored,
  type DlqFilter,
  deadAmong,
  deadLetters,
  deadMessages,
  findFormer,
  findSuspects,
  type Pool,
  type Scope,
  type Suspect,
  strayTenants,
  type TableCheck,
} from '@contour/store';

/** What an audit reads in Postgres. */
export type AuditSources = ReturnType<typeof auditSources>;

export function auditSources(pool: Pool) {
  const { get, matching } = deadLetters(pool);
  return {
    countTenant: (tenantId: string) => countTenant(pool, tenantId),
    /** Calls `onSuspects` page by page; with keys, only for those rows. */
    findSuspects: (
      check: TableCheck,
      scope: Scope,
      keys: readonly string[] | null,
      onSuspects: (suspects: Suspect[]) => Promise<void>,
    ) => findSuspects(pool, check, scope, keys, onSuspects),
    strayTenants: () => strayTenants(pool),
    deadMessages: (tenantId: string): AsyncIterable<string[]> => deadMessages(pool, tenantId),
    deadAmong: <Key extends Suspect & { messageId: string }>(keys: readonly Key[]) =>
      deadAmong(pool, keys),
    entry: get,
    entries: (filter: DlqFilter) => matching(filter, Number.POSITIVE_INFINITY),
    former: (messageId: string) => findFormer(pool, messageId),
    /** Of one tenant, or of all. */
    countUnmirrored: (tenantId: string | null) => countUnmirrored(pool, tenantId),
  };
}
