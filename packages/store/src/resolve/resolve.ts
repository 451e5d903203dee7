import type { Outcome, Receipt } from '@contour/contract';
import type { Queryable, Transaction } from '../database/database.ts';
import { isLostRace, lostRace } from '../database/errors.ts';
import {
  type Arrival,
  type BatchResult,
  type FullClient,
  noResults,
  type ResolveOptions,
  type Results,
  resolveCopies,
  without,
} from './arrivals.ts';
import { chatsOf, type Fresh } from './chat.ts';
import { areAllKnown, makeClients, recogniseClients } from './client.ts';
import { findDialogs, openDialogs } from './dialog.ts';
import { findInLedger, outcomeOfDuplicate } from './ledger.ts';
import { type Stored, storeMessages } from './store-messages.ts';
import { findTenants } from './tenant.ts';

/*
 * The steps of a batch, in their order, and the files where they are:
 *
 * | step                                                          | file                             |
 * |---------------------------------------------------------------|----------------------------------|
 * | look up the account and its tenant                            | tenant.ts                        |
 * | answer duplicates from the ledger                             | ledger.ts                        |
 * | group the new messages by chat                                | chat.ts                          |
 * | find each chat's client, by identity or by phone              | client.ts, find-clients.ts       |
 * | make the missing clients, and fill in names and phones        | client.ts, create-clients.ts     |
 * | find the open dialogs, and make the missing ones              | dialog.ts                        |
 * | number the messages, store them, put their dialogs into lanes | store-messages.ts, one statement |
 *
 * resolve-batch.ts runs these steps on a connection of its own and starts again after a lost race. split-batch.ts takes
 * a batch apart that fails. arrivals.ts has the types, and answers copies within a batch.
 */

/** The first look: what is answered already, and what is new. */
interface FirstLook {
  outcomes: Map<Arrival, Outcome>;
  fresh: Map<Arrival, Fresh>;
}

/**
 * Finds the tenant of each message and answers duplicates. It needs no transaction. A duplicate is answered even if its
 * tenant was switched off or its credential was replaced since: it was accepted, and it will be delivered.
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
    if (entry) look.outcomes.set(arrival, outcomeOfDuplicate(entry, message.contentHash));
    else if (isExpired) look.outcomes.set(arrival, { kind: 'unknown_tenant', tenantId });
    else if (isActive) look.fresh.set(arrival, { message, account, phone });
    else look.outcomes.set(arrival, { kind: 'tenant_disabled', tenantId });
  }
  return look;
}

/** Runs work inside a transaction: the one that is open, or a new one. */
export type Within = <T>(work: (db: Queryable) => Promise<T>) => Promise<T>;

/**
 * Finds or makes client and dialog, and stores the messages. Most messages come from a known client with an open dialog.
 * Then storing is the only write, and one statement needs no transaction around it. That statement also detects whatever
 * has changed since the reads before it.
 */
async function storeFresh(
  db: Queryable,
  within: Within,
  fresh: readonly Fresh[],
  options: ResolveOptions,
): Promise<Stored & { fullClients: FullClient[] }> {
  const chats = chatsOf(fresh);
  const recognised = await recogniseClients(db, chats);
  const dialogOf = areAllKnown(recognised) ? await findDialogs(db, chats) : null;
  if (dialogOf) {
    const stored = await storeMessages(db, chats, dialogOf, options.shardCount);
    return { ...stored, fullClients: [] };
  }
  return within(async (tx) => {
    const fullClients = await makeClients(tx, recognised, options);
    const opened = await openDialogs(tx, chats);
    return { ...(await storeMessages(tx, chats, opened, options.shardCount)), fullClients };
  });
}

/** Resolves arrivals once and adds their outcomes. A message whose dialog was closed meanwhile gets none. */
export async function resolveOnce(
  db: Queryable,
  within: Within,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
  results: Results,
): Promise<void> {
  const { outcomes, fresh } = await firstLook(db, arrivals, options);
  for (const [arrival, outcome] of outcomes) results.outcomes.set(arrival, outcome);
  if (fresh.size === 0) return;
  const stored = await storeFresh(db, within, [...fresh.values()], options);
  for (const [arrival, item] of fresh) {
    const receipt: Receipt | undefined = stored.receipts.get(item);
    if (receipt) results.outcomes.set(arrival, { kind: 'resolved', receipt });
  }
  for (const shard of stored.shards) results.shards.add(shard);
  results.hasNewDialogs ||= stored.hasNewDialogs;
  results.fullClients.push(...stored.fullClients);
}

/** What `resolveIn` has done, if the caller commits. */
export interface ResolvedBatch extends BatchResult {
  outcomes: Outcome[];
}

/**
 * Resolves arrivals inside a READ COMMITTED transaction of the caller, and neither begins nor commits. Only after the
 * commit may the caller wake the shards. Throws an AppError with the code `lost_race` if another transaction was faster:
 * the caller rolls back and starts again. Any other failure is thrown, too. No message is tried apart from the others.
 */
export async function resolveIn(
  tx: Transaction,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
): Promise<ResolvedBatch> {
  const batch = await resolveCopies(arrivals, async (firsts) => {
    const results = noResults();
    try {
      await resolveOnce(tx, (work) => work(tx), firsts, options, results);
    } catch (error) {
      throw isLostRace(error) ? lostRace('Another transaction was faster.', error) : error;
    }
    if (without(firsts, results).length > 0) throw lostRace('A dialog was closed meanwhile.');
    return results;
  });
  return batch as ResolvedBatch;
}
