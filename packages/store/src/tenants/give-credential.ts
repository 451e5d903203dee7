import { CHANNELS, type Channel, fingerprintOf } from '@contour/contract';
import { type Database, type Transaction, withTransaction } from '../database/database.ts';
import { unexpected } from '../database/errors.ts';
import { run, statement } from '../database/statement.ts';
import { type ChannelAccount, findChannelAccount, findHolders } from './channel-accounts.ts';

// Only one transaction at a time gives out credentials, because no index can compare a current credential with the
// previous one of another account.
const TURN = 'select pg_advisory_xact_lock(4712008118)';

const insertAccount = statement<{ id: number }>(
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
    const [holder] = await findHolders(tx, channelId, fingerprint);
    if (holder !== undefined) {
      const isIt = holder.tenantId === tenantId && holder.fingerprint === fingerprint;
      return isIt ? { kind: 'unchanged', account: holder } : { kind: 'taken', holder };
    }
    await forgetPrevious(tx, channelId, fingerprint, 0);
    const [row] = await insertAccount(tx, tenantId, channelId, credential);
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
    const holder = (await findHolders(tx, channelId, fingerprint)).find((h) => h.id !== id);
    if (holder !== undefined) return { kind: 'taken', holder };
    await forgetPrevious(tx, channelId, fingerprint, id);
    await forgetPrevious(tx, channelId, account.fingerprint, id);
    await updateCredential(tx, id, credential, keepMs);
    return { kind: 'done', account: await accountOf(tx, id) };
  });
}
