import type { Channel } from '@contour/contract';
import { findTenants } from '../resolve/tenant.ts';
import type { Queryable } from '../statement.ts';

export interface ActiveAccount {
  channel: Channel;
  fingerprint: string;
  tenantId: string;
}

/** Those of the accounts whose messages would be resolved now. */
export async function findActiveAccounts(
  db: Queryable,
  accounts: ReadonlyArray<{ channel: Channel; fingerprint: string }>,
): Promise<ActiveAccount[]> {
  const found = await findTenants(db, accounts);
  return [...found]
    .filter(([, account]) => account.isActive && !account.isExpired)
    .map(([{ channel, fingerprint }, { tenantId }]) => ({ channel, fingerprint, tenantId }));
}
