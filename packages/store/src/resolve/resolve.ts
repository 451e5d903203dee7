import type { IncomingMessage, Outcome } from '@contour/contract';
import type { PoolClient } from '../pool.ts';
import type { Queryable } from '../statement.ts';
import { inTransaction } from '../transaction.ts';
import { chatsOf, type Fresh } from './chat.ts';
import { areAllKnown, makeClients, recogniseClients } from './client.ts';
import type { FullClient } from './create-clients.ts';
import { findDialogs, openDialogs } from './dialog.ts';
import { findInLedger, outcomeOfRepeat } from './ledger.ts';
import { storeMessages } from './message.ts';
import { findTenants } from './tenant.ts';

/** A checked message and the phone to match by. */
export interface Arrival {
  message: IncomingMessage;
  phone: string | null;
}

export interface ResolveOptions {
  linkByPhone: boolean;
  shardCount: number;
  /** The one tenant that these messages may be for: any other's account counts as unknown. */
  onlyFor?: string | undefined;
}

export interface FirstLook {
  outcomes: Map<Arrival, Outcome>;
  fresh: Map<Arrival, Fresh>;
}

/**
 * The first look, which needs no transaction: whose each message is, and what the ledger knows
 * already. A repeat gets its answer even when its tenant has been switched off since, or its
 * credential has been replaced: it was accepted, and it will be delivered.
 */
export async function firstLook(
  db: Queryable,
  arrivals: readonly Arrival[],
  { onlyFor }: Pick<ResolveOptions, 'onlyFor'> = {},
): Promise<FirstLook> {
  const tenants = await findTenants(
    db,
    arrivals.map((arrival) => arrival.message),
  );
  const ledger = await findInLedger(
    db,
    [...tenants].map(([{ messageId }, { tenantId }]) => ({ tenantId, messageId })),
  );
  const look: FirstLook = { outcomes: new Map(), fresh: new Map() };
  for (const arrival of arrivals) {
    const { message, phone } = arrival;
    const account = tenants.get(message);
    const entry = ledger.get(message.messageId);
    if (account === undefined || account.tenantId !== (onlyFor ?? account.tenantId)) {
      look.outcomes.set(arrival, { kind: 'unknown_tenant' });
      continue;
    }
    const { tenantId, isExpired, isActive } = account;
    if (entry) look.outcomes.set(arrival, outcomeOfRepeat(entry, message.contentHash));
    else if (isExpired) look.outcomes.set(arrival, { kind: 'unknown_tenant', tenantId });
    else if (isActive) look.fresh.set(arrival, { message, account, phone });
    else look.outcomes.set(arrival, { kind: 'tenant_disabled', tenantId });
  }
  return look;
}

/** What has come of a batch so far; nothing is said of messages that have to start again. */
export interface Resolved {
  outcomes: Map<Arrival, Outcome>;
  shards: number[];
  hasNewDialogs: boolean;
  fullClients: FullClient[];
}

/**
 * Resolves what is new: client, dialog, message. Most messages come from somebody who is known and in a dialog
 * that is open: then storing them is all there is to write, in one statement. Whatever has changed since the
 * looks before it is found out by that statement.
 */
export async function resolveFresh(
  client: PoolClient,
  fresh: ReadonlyMap<Arrival, Fresh>,
  options: ResolveOptions,
): Promise<Resolved> {
  const chats = chatsOf([...fresh.values()]);
  const recognised = await recogniseClients(client, chats);
  const dialogOf = areAllKnown(recognised) ? await findDialogs(client, chats) : null;
  let fullClients: FullClient[] = [];
  const { receipts, ...stored } = dialogOf
    ? await storeMessages(client, chats, dialogOf, options.shardCount)
    : await inTransaction(client, async () => {
        fullClients = await makeClients(client, recognised, options);
        const opened = await openDialogs(client, chats);
        return storeMessages(client, chats, opened, options.shardCount);
      });

  const outcomes = new Map<Arrival, Outcome>();
  for (const [arrival, item] of fresh) {
    const receipt = receipts.get(item);
    if (receipt) outcomes.set(arrival, { kind: 'resolved', receipt });
  }
  return { outcomes, ...stored, fullClients };
}
