import { CHANNELS, type Channel, fingerprintOf } from '@contour/contract';
import type { Pool, PoolClient } from '../pool.ts';
import { statement } from '../statement.ts';
import { inTransaction, withClient } from '../transaction.ts';
import { type ChannelAccount, findChannelAccount, findHolders } from './channel-accounts.ts';

// Whoever gives out a credential waits here for its turn: no index can compare a current credential
// with somebody else's previous one.
const TURN = 'select pg_advisory_xact_lock(4712008118)';

const insertAccount = statement<{ id: number }>(
  'register_channel_account',
  'insert into channel_accounts (tenant_id, channel_id, account_id) values ($1, $2, $3) returning id',
);

// What is on the right is the row as it was: fingerprint is still that of the credential before.
const updateCredential = statement<{ id: number }>(
  'rotate_channel_account',
  `update channel_accounts
      set account_id = $2, previous_fingerprint = fingerprint,
          previous_until = now() + $3::float8 * interval '1 ms'
    where id = $1
   returning id`,
);

// One that is no longer found may have another owner by now, and counts for that one alone.
const forgetPrevious = statement<{ id: number }>(
  'forget_previous_credential',
  `update channel_accounts set previous_fingerprint = null, previous_until = null
    where channel_id = $1 and previous_fingerprint = $2 and id <> $3
   returning id`,
);

/** What became of a credential: `taken` names the account that it belongs to already. */
export type Given =
  | { kind: 'done' | 'unchanged'; account: ChannelAccount }
  | { kind: 'taken'; holder: ChannelAccount };

function inTurn<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return withClient(pool, (client) =>
    inTransaction(client, async () => {
      await client.query(TURN);
      return work(client);
    }),
  );
}

async function accountOf(client: PoolClient, id: number | undefined): Promise<ChannelAccount> {
  const account = id === undefined ? undefined : await findChannelAccount(client, id);
  if (account === undefined) throw new Error('a channel account went while it was being changed');
  return account;
}

/** Makes a channel account; made again for the same tenant, it changes nothing. */
export function registerChannelAccount(
  pool: Pool,
  order: { tenantId: string; channel: Channel; credential: string },
): Promise<Given> {
  const { tenantId, channel, credential } = order;
  const channelId = CHANNELS[channel].id;
  const fingerprint = fingerprintOf(credential);
  return inTurn(pool, async (client): Promise<Given> => {
    const [holder] = await findHolders(client, channelId, fingerprint);
    if (holder !== undefined) {
      const isIt = holder.tenantId === tenantId && holder.fingerprint === fingerprint;
      return isIt ? { kind: 'unchanged', account: holder } : { kind: 'taken', holder };
    }
    await forgetPrevious(client, channelId, fingerprint, 0);
    const [row] = await insertAccount(client, tenantId, channelId, credential);
    return { kind: 'done', account: await accountOf(client, row?.id) };
  });
}

/**
 * Gives an account a new credential and lets the one before be found for a while. The account keeps its
 * id, and with it its dialogs. Undefined where there is no such account.
 */
export function rotateChannelAccount(
  pool: Pool,
  order: { id: number; credential: string; keepMs: number },
): Promise<Given | undefined> {
  const { id, credential, keepMs } = order;
  const fingerprint = fingerprintOf(credential);
  return inTurn(pool, async (client): Promise<Given | undefined> => {
    const account = await findChannelAccount(client, id);
    if (account === undefined) return undefined;
    if (account.fingerprint === fingerprint) return { kind: 'unchanged', account };
    const channelId = CHANNELS[account.channel].id;
    const holder = (await findHolders(client, channelId, fingerprint)).find((h) => h.id !== id);
    if (holder !== undefined) return { kind: 'taken', holder };
    await forgetPrevious(client, channelId, fingerprint, id);
    await forgetPrevious(client, channelId, account.fingerprint, id);
    await updateCredential(client, id, credential, keepMs);
    return { kind: 'done', account: await accountOf(client, id) };
  });
}
