import { CHANNELS, type IncomingMessage } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';

export interface Account {
  id: number;
  tenantId: string;
  domainId: number;
  isActive: boolean;
}

interface AccountRow {
  channel_id: number;
  fingerprint: string;
  id: number;
  tenant_id: string;
  domain_id: number;
  is_active: boolean;
}

const findAccounts = statement<AccountRow>(
  'find_accounts',
  `select a.channel_id, a.fingerprint, a.id, a.tenant_id, t.domain_id,
          a.is_active and t.is_active as is_active
     from unnest($1::smallint[], $2::text[]) as q(channel_id, fingerprint)
     join channel_accounts a using (channel_id, fingerprint)
     join tenants t on t.id = a.tenant_id`,
);

const keyOf = (channelId: number, fingerprint: string) => `${channelId} ${fingerprint}`;

/** Whose message is it? Answers by message; a credential that nobody has is not in the map. */
export async function findTenants(
  db: Queryable,
  messages: readonly IncomingMessage[],
): Promise<Map<IncomingMessage, Account>> {
  const wanted = new Map(messages.map((m) => [keyOf(CHANNELS[m.channel].id, m.fingerprint), m]));
  const [channelIds, fingerprints] = columns(
    [...wanted.values()],
    (m) => CHANNELS[m.channel].id,
    (m) => m.fingerprint,
  );
  const rows = await findAccounts(db, channelIds, fingerprints);
  const accounts = new Map(
    rows.map((row) => [
      keyOf(row.channel_id, row.fingerprint),
      { id: row.id, tenantId: row.tenant_id, domainId: row.domain_id, isActive: row.is_active },
    ]),
  );
  const found = new Map<IncomingMessage, Account>();
  for (const message of messages) {
    const account = accounts.get(keyOf(CHANNELS[message.channel].id, message.fingerprint));
    if (account !== undefined) found.set(message, account);
  }
  return found;
}
