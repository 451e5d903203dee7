export {
  countTenant,
  countUnmirrored,
  deadMessages,
  findSuspects,
  type Scope,
  strayTenants,
  type Unmirrored,
} from './find-suspects.ts';
export {
  CROWDED_CLIENTS,
  OVERDUE_LANES,
  type Suspect,
  TABLE_CHECKS,
  type TableCheck,
  type TenantCounts,
} from './table-checks.ts';
