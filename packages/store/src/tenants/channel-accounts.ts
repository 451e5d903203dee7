import {
  CHANNELS,
  type Channel,
  channelOfId,
  maskCredential,
  type TenantId,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { unexpected } from '../database/errors.ts';
import { statement } from '../database/statement.ts';

/** A channel account as an operator may see it: without its credential. */
export interface ChannelAccount {
  id: number;
  tenantId: TenantId;
  tenantName: string;
  channel: Channel;
  mask: string;
  fingerprint: string;
  isActive: boolean;
  /** The credential before the last rotation, while it is still found. */
  previous: { fingerprint: string; until: Date } | null;
}

interface AccountRow extends Omit<ChannelAccount, 'channel' | 'mask' | 'previous'> {
  channelId: number;
  credential: string;
  previousFingerprint: string | null;
  previousUntil: Date | null;
}

const FROM = `select a.id, a.tenant_id as "tenantId", t.name as "tenantName", a.channel_id as "channelId",
         a.account_id as credential, a.fingerprint, a.is_active as "isActive",
         case when a.previous_until > now() then a.previous_fingerprint end as "previousFingerprint",
         a.previous_until as "previousUntil"
    from channel_accounts a join tenants t on t.id = a.tenant_id`;

const selectAll = statement<AccountRow>(
  'list_channel_accounts',
  `${FROM} where $1::uuid is null or a.tenant_id = $1 order by t.name, a.tenant_id, a.id`,
);

const selectOne = statement<AccountRow>('find_channel_account', `${FROM} where a.id = $1`);

// At most two: the account with this credential, and one that had it before and may still be found by it.
const selectHolders = statement<AccountRow>(
  'find_credential_holders',
  `${FROM} where a.channel_id = $1 and (a.fingerprint = $2
       or (a.previous_fingerprint = $2 and a.previous_until > now()))
    order by a.fingerprint = $2 desc`,
);

const updateActive = statement<{ id: number }>(
  'switch_channel_account',
  'update channel_accounts set is_active = $2 where id = $1 and is_active <> $2 returning id',
);

// The credential itself does not leave this file.
const toAccount = ({
  channelId,
  credential,
  previousFingerprint: fingerprint,
  previousUntil: until,
  ...account
}: AccountRow): ChannelAccount => ({
  ...account,
  channel: channelOfId(channelId),
  mask: maskCredential(credential),
  previous: fingerprint === null || until === null ? null : { fingerprint, until },
});

/** All accounts, or those of one tenant. */
export async function listChannelAccounts(
  db: Queryable,
  tenantId: string | null,
): Promise<ChannelAccount[]> {
  return (await selectAll(db, tenantId)).map(toAccount);
}

export async function findChannelAccount(
  db: Queryable,
  id: number,
): Promise<ChannelAccount | undefined> {
  return (await selectOne(db, id)).map(toAccount)[0];
}

/** The accounts that this credential finds. The one that has it now comes first. */
export async function findHolders(
  db: Queryable,
  channelId: number,
  fingerprint: string,
): Promise<ChannelAccount[]> {
  return (await selectHolders(db, channelId, fingerprint)).map(toAccount);
}

/** Returns whether this changed anything. */
export async function switchChannelAccount(
  db: Queryable,
  id: number,
  isActive: boolean,
): Promise<boolean> {
  return (await updateActive(db, id, isActive)).length > 0;
}

// A credential belongs to one tenant: for another tenant the conflict updates nothing and returns
// nothing.
const insertAccount = statement<{ id: number }>(
  'add_channel_account',
  `insert into channel_accounts (tenant_id, channel_id, account_id) values ($1, $2, $3)
   on conflict (channel_id, fingerprint) do update set tenant_id = excluded.tenant_id
     where channel_accounts.tenant_id = excluded.tenant_id
   returning id`,
);

/** Makes a channel account; for a known credential of the same tenant it changes nothing. */
export async function addChannelAccount(
  db: Queryable,
  account: { tenantId: string; channel: Channel; credential: string },
): Promise<{ id: number }> {
  const { tenantId, channel, credential } = account;
  const [row] = await insertAccount(db, tenantId, CHANNELS[channel].id, credential);
  if (row === undefined) throw unexpected(`This ${channel} credential belongs to another tenant.`);
  return row;
}

interface AccountKey {
  channel: Channel;
  fingerprint: string;
}

const findOwners = statement<{ place: number; tenantId: TenantId }>(
  'tenants_of_accounts',
  `select q.place::int, a.tenant_id as "tenantId"
     from unnest($1::int[], $2::text[]) with ordinality as q(channel_id, fingerprint, place)
     join channel_accounts a on a.channel_id = q.channel_id
      and q.fingerprint in (a.fingerprint, a.previous_fingerprint)`,
);

/** The tenants of these accounts. An unknown account is left out. */
export async function tenantsOfAccounts(
  db: Queryable,
  accounts: readonly AccountKey[],
): Promise<Array<AccountKey & { tenantId: TenantId }>> {
  const rows = await findOwners(
    db,
    accounts.map(({ channel }) => CHANNELS[channel].id),
    accounts.map(({ fingerprint }) => fingerprint),
  );
  return rows.flatMap(({ place, tenantId }) => {
    const account = accounts[place - 1];
    return account === undefined ? [] : [{ ...account, tenantId }];
  });
}
