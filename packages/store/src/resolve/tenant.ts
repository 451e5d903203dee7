import { CHANNELS, type IncomingMessage, type TenantId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { statement } from '../database/statement.ts';

export interface Account {
  id: number;
  tenantId: TenantId;
  domainId: number;
  isActive: boolean;
  /** It was found by the credential before its last rotation, and the time for that is over. */
  isExpired: boolean;
}

interface AccountRow {
  channel_id: number;
  fingerprint: string;
  id: number;
  tenant_id: TenantId;
  domain_id: number;
  is_active: boolean;
  is_expired: boolean;
}

/** SQL for the account of `q` (channel_id, fingerprint). Two lookups in two indexes; the current holder precedes a former one. */
export const ACCOUNT_OF = `
          select id, tenant_id, is_active, false as is_previous, false as is_expired
            from channel_accounts
           where channel_id = q.channel_id and fingerprint = q.fingerprint
           union all
          select id, tenant_id, is_active, true, previous_until <= now()
            from channel_accounts
           where channel_id = q.channel_id and previous_fingerprint = q.fingerprint
           order by is_previous limit 1`;

const findAccounts = statement<AccountRow>(
  'find_accounts',
  `select q.channel_id, q.fingerprint, a.id, a.tenant_id, t.domain_id,
          a.is_active and t.is_active as is_active, a.is_expired
     from unnest($1::smallint[], $2::text[]) as q(channel_id, fingerprint)
    cross join lateral (${ACCOUNT_OF}) a
     join tenants t on t.id = a.tenant_id`,
);

const keyOf = (channelId: number, fingerprint: string) => `${channelId} ${fingerprint}`;

/** The account of each message. A message with an unknown credential is not in the map. */
export async function findTenants<Message extends Pick<IncomingMessage, 'channel' | 'fingerprint'>>(
  db: Queryable,
  messages: readonly Message[],
): Promise<Map<Message, Account>> {
  const wanted = new Map(messages.map((m) => [keyOf(CHANNELS[m.channel].id, m.fingerprint), m]));
  const asked = [...wanted.values()];
  const rows = await findAccounts(
    db,
    asked.map((m) => CHANNELS[m.channel].id),
    asked.map((m) => m.fingerprint),
  );
  const accounts = new Map(
    rows.map((row) => [
      keyOf(row.channel_id, row.fingerprint),
      {
        id: row.id,
        tenantId: row.tenant_id,
        domainId: row.domain_id,
        isActive: row.is_active,
        isExpired: row.is_expired,
      },
    ]),
  );
  const found = new Map<Message, Account>();
  for (const message of messages) {
    const account = accounts.get(keyOf(CHANNELS[message.channel].id, message.fingerprint));
    if (account !== undefined) found.set(message, account);
  }
  return found;
}
