import type { IncomingMessage, Outcome } from '@contour/contract';
import type { Queryable } from '../statement.ts';
import { chatsOf, type Fresh } from './chat.ts';
import { resolveClients } from './client.ts';
import { removeUnused, resolveDialogs } from './dialog.ts';
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

/**
 * Resolves what is new, within a transaction that the caller has begun: client, dialog, message.
 * The order of these statements is what keeps concurrent batches from doubling anything, so the
 * ledger is read again once the dialogs are locked: a copy that committed meanwhile is seen there.
 */
export async function resolveFresh(
  db: Queryable,
  fresh: ReadonlyMap<Arrival, Fresh>,
  options: ResolveOptions,
): Promise<{ outcomes: Map<Arrival, Outcome>; shards: number[]; hasNewDialogs: boolean }> {
  const chats = chatsOf([...fresh.values()]);
  await resolveClients(db, chats, options);
  const { dialogs, dialogOf } = await resolveDialogs(db, chats);
  const ledger = await findInLedger(
    db,
    [...fresh.values()].map(({ message, account }) => ({
      tenantId: account.tenantId,
      messageId: message.messageId,
    })),
  );
  const isRepeat = ({ message }: Fresh) => ledger.has(message.messageId);
  const { stored, shards } = await storeMessages(db, chats, dialogOf, isRepeat, options.shardCount);
  await removeUnused(db, dialogs);

  const receipts = new Map(stored.map(({ fresh: item, receipt }) => [item, receipt]));
  const outcomes = new Map<Arrival, Outcome>();
  for (const [arrival, item] of fresh) {
    const receipt = receipts.get(item);
    const entry = ledger.get(item.message.messageId);
    if (receipt) outcomes.set(arrival, { kind: 'resolved', receipt });
    else if (entry) outcomes.set(arrival, outcomeOfRepeat(entry, item.message.contentHash));
    else throw new Error('a message was neither stored nor found');
  }
  return { outcomes, shards, hasNewDialogs: dialogs.some(({ isNew }) => isNew) };
}
