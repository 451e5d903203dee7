import {
  CHANNELS,
  type Channel,
  fingerprintOf,
  maskCredential,
  type TenantId,
} from '@contour/contract';
import {
  type Database,
  type Queryable,
  type Transaction,
  withTransaction,
} from '../database/database.ts';
import { unexpected } from '../database/errors.ts';
import { namedStatement, type Rows, run, statement } from '../database/statement.ts';

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

interface AccountRow extends Omit<ChannelAccount, 'mask' | 'previous'> {
  credential: string;
  previousFingerprint: string | null;
  previousUntil: Date | null;
}

const FROM = `select a.id, a.tenant_id as "tenantId", t.name as "tenantName", c.code as channel,
         a.account_id as credential, a.fingerprint, a.is_active as "isActive",
         case when a.previous_until > now() then a.previous_fingerprint end as "previousFingerprint",
         a.previous_until as "previousUntil"
    from channel_accounts a join tenants t on t.id = a.tenant_id join channels c on c.id = a.channel_id`;

const selectAll = statement<AccountRow>(
  'list_channel_accounts',
  `${FROM} where $1::uuid is null or a.tenant_id = $1 order by t.name, a.tenant_id, a.id`,
);

const selectOne = statement<AccountRow>('find_channel_account', `${FROM} where a.id = $1`);

// The accounts that a credential finds, at most two: the account with this credential, and one that had it before and may
// still be found by it.
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
  credential,
  previousFingerprint: fingerprint,
  previousUntil: until,
  ...account
}: AccountRow): ChannelAccount => ({
  ...account,
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

/** Returns whether this changed anything. */
export async function switchChannelAccount(
  db: Queryable,
  id: number,
  isActive: boolean,
): Promise<boolean> {
  return (await updateActive(db, id, isActive)).length > 0;
}

interface AccountKey {
  channel: Channel;
  fingerprint: string;
}

const ACCOUNTS: Rows<AccountKey> = {
  channel_id: ['int', ({ channel }) => CHANNELS[channel].id],
  fingerprint: ['text', ({ fingerprint }) => fingerprint],
};

const findOwners = namedStatement<{ place: number; tenantId: TenantId }>('tenants_of_accounts')(
  { accounts: ACCOUNTS },
  `select q.place::int, a.tenant_id as "tenantId"
     from :accounts q join channel_accounts a on a.channel_id = q.channel_id
      and q.fingerprint in (a.fingerprint, a.previous_fingerprint)`,
);

/** The tenants of these accounts. An unknown account is left out. */
export async function tenantsOfAccounts(
  db: Queryable,
  accounts: readonly AccountKey[],
): Promise<Array<AccountKey & { tenantId: TenantId }>> {
  const rows = await findOwners(db, { accounts });
  return rows.flatMap(({ place, tenantId }) => {
    const account = accounts[place - 1];
    return account === undefined ? [] : [{ ...account, tenantId }];
  });
}

// Only one transaction at a time gives out credentials, because no index can compare a current credential with the
// previous one of another account.
const TURN = 'select pg_advisory_xact_lock(4712008118)';

const insertNew = statement<{ id: number }>(
  'register_channel_account',
  'insert into channel_accounts (tenant_id, channel_id, account_id) values ($1, $2, $3) returning id',
);

// On the right of an assignment, fingerprint is still that of the old credential.
const updateCredential = statement<{ id: number }>(
  'rotate_channel_account',
  `update channel_accounts
      set account_id = $2, previous_fingerprint = fingerprint,
          previous_until = now() + $3::float8 * interval '1 ms'
    where id = $1
   returning id`,
);

// A previous credential that has expired may now belong to another account, and must find only that one.
const forgetPrevious = statement<{ id: number }>(
  'forget_previous_credential',
  `update channel_accounts set previous_fingerprint = null, previous_until = null
    where channel_id = $1 and previous_fingerprint = $2 and id <> $3
   returning id`,
);

/** The result for a credential. `taken` has the account to which it already belongs. */
export type Given =
  | { kind: 'done' | 'unchanged'; account: ChannelAccount }
  | { kind: 'taken'; holder: ChannelAccount };

const inTurn = <T>(db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> =>
  withTransaction(db, async (tx) => {
    await run(tx, TURN);
    return work(tx);
  });

async function accountOf(tx: Transaction, id: number | undefined): Promise<ChannelAccount> {
  const account = id === undefined ? undefined : await findChannelAccount(tx, id);
  if (account === undefined) throw unexpected('The channel account was deleted meanwhile.');
  return account;
}

/** Makes a channel account; for a known credential of the same tenant it changes nothing. */
export function registerChannelAccount(
  db: Database,
  order: { tenantId: string; channel: Channel; credential: string },
): Promise<Given> {
  const { tenantId, channel, credential } = order;
  const channelId = CHANNELS[channel].id;
  const fingerprint = fingerprintOf(credential);
  return inTurn(db, async (tx): Promise<Given> => {
    const [holder] = (await selectHolders(tx, channelId, fingerprint)).map(toAccount);
    if (holder !== undefined) {
      const isIt = holder.tenantId === tenantId && holder.fingerprint === fingerprint;
      return isIt ? { kind: 'unchanged', account: holder } : { kind: 'taken', holder };
    }
    await forgetPrevious(tx, channelId, fingerprint, 0);
    const [row] = await insertNew(tx, tenantId, channelId, credential);
    return { kind: 'done', account: await accountOf(tx, row?.id) };
  });
}

/**
 * Gives an account a new credential. The old one still finds the account for `keepMs`. The account keeps its id, and with
 * it its dialogs. Returns undefined if there is no such account.
 */
export function rotateChannelAccount(
  db: Database,
  order: { id: number; credential: string; keepMs: number },
): Promise<Given | undefined> {
  const { id, credential, keepMs } = order;
  const fingerprint = fingerprintOf(credential);
  return inTurn(db, async (tx): Promise<Given | undefined> => {
    const account = await findChannelAccount(tx, id);
    if (account === undefined) return undefined;
    if (account.fingerprint === fingerprint) return { kind: 'unchanged', account };
    const channelId = CHANNELS[account.channel].id;
    const holders = await selectHolders(tx, channelId, fingerprint);
    const holder = holders.map(toAccount).find((one) => one.id !== id);
    if (holder !== undefined) return { kind: 'taken', holder };
    await forgetPrevious(tx, channelId, fingerprint, id);
    await forgetPrevious(tx, channelId, account.fingerprint, id);
    await updateCredential(tx, id, credential, keepMs);
    return { kind: 'done', account: await accountOf(tx, id) };
  });
}
