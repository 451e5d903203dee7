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

const findAccounts = statement<Account & { place: number }>(
  'find_accounts',
  `select q.place::int, a.id, a.tenant_id as "tenantId", t.domain_id as "domainId",
          a.is_active and t.is_active as "isActive", a.is_expired as "isExpired"
     from unnest($1::smallint[], $2::text[]) with ordinality as q(channel_id, fingerprint, place)
    cross join lateral (${ACCOUNT_OF}) a
     join tenants t on t.id = a.tenant_id`,
);

/** The account of each message. A message with an unknown credential is not in the map. */
export async function findTenants<Message extends Pick<IncomingMessage, 'channel' | 'fingerprint'>>(
  db: Queryable,
  messages: readonly Message[],
): Promise<Map<Message, Account>> {
  const byKey = new Map<string, Message[]>();
  for (const message of messages) {
    const key = `${message.channel} ${message.fingerprint}`;
    const same = byKey.get(key);
    if (same === undefined) byKey.set(key, [message]);
    else same.push(message);
  }
  const asked = [...byKey.values()];
  const rows = await findAccounts(
    db,
    asked.map(([first]) => first && CHANNELS[first.channel].id),
    asked.map(([first]) => first?.fingerprint),
  );
  const found = new Map<Message, Account>();
  for (const { place, ...account } of rows) {
    for (const message of asked[place - 1] ?? []) found.set(message, account);
  }
  return found;
}
