import { CHANNELS, type Channel } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';

export interface AccountKey {
  channel: Channel;
  fingerprint: string;
}

const find = statement<{ channel_id: number; fingerprint: string; tenant_id: string }>(
  'tenants_of_accounts',
  `select q.channel_id, q.fingerprint, a.tenant_id
     from unnest($1::int[], $2::text[]) as q(channel_id, fingerprint)
     join channel_accounts a on a.channel_id = q.channel_id
      and q.fingerprint in (a.fingerprint, a.previous_fingerprint)`,
);

/** Whose accounts these are; one that nobody has is not in the answer. */
export async function tenantsOfAccounts(
  db: Queryable,
  accounts: readonly AccountKey[],
): Promise<Array<AccountKey & { tenantId: string }>> {
  const rows = await find(
    db,
    ...columns(
      accounts,
      ({ channel }) => CHANNELS[channel].id,
      ({ fingerprint }) => fingerprint,
    ),
  );
  return rows.flatMap((row) => {
    const account = accounts.find(
      ({ channel, fingerprint }) =>
        CHANNELS[channel].id === row.channel_id && fingerprint === row.fingerprint,
    );
    return account === undefined ? [] : [{ ...account, tenantId: row.tenant_id }];
  });
}
