import { CHANNELS, type Channel } from '@contour/contract';
import { type Queryable, statement } from './statement.ts';

// A credential belongs to one tenant: for another tenant the conflict updates nothing and returns
// nothing.
const insertAccount = statement<{ id: number }>(
  'add_channel_account',
  `insert into channel_accounts (tenant_id, channel_id, account_id) values ($1, $2, $3)
   on conflict (channel_id, fingerprint) do update set tenant_id = excluded.tenant_id
     where channel_accounts.tenant_id = excluded.tenant_id
   returning id`,
);

export async function addChannelAccount(
  db: Queryable,
  account: { tenantId: string; channel: Channel; credential: string },
): Promise<{ id: number }> {
  const { tenantId, channel, credential } = account;
  const [row] = await insertAccount(db, tenantId, CHANNELS[channel].id, credential);
  if (row === undefined) throw new Error(`this ${channel} credential belongs to another tenant`);
  return row;
}
