import { AppError, type Outcome } from '@contour/contract';
import {
  type Database,
  inTransaction,
  type Queryable,
  type Transaction,
  withClient,
} from '../database/database.ts';
import { asAppError, isLostRace, lostRace, restarting, unexpected } from '../database/errors.ts';
import { type FullClient, makeClients } from './create-clients.ts';
import { areAllKnown, chatsOf, recogniseClients } from './find-clients.ts';
import { type Arrival, type Fresh, firstLook, outcomeOfDuplicate } from './first-look.ts';
import { findDialogs, openDialogs, type Stored, storeMessages } from './store-messages.ts';

/*
 * The steps of a batch, in their order, and the files where they are:
 *
 * | step                                                          | file                             |
 * |---------------------------------------------------------------|----------------------------------|
 * | look up the account and its tenant                            | first-look.ts                    |
 * | answer duplicates from the ledger                             | first-look.ts                    |
 * | group the new messages by chat                                | find-clients.ts                  |
 * | find each chat's client, by identity or by phone              | find-clients.ts                  |
 * | make the missing clients, and fill in names and phones        | create-clients.ts                |
 * | find the open dialogs, and make the missing ones              | store-messages.ts                |
 * | number the messages, store them, put their dialogs into lanes | store-messages.ts, one statement |
 *
 * `tryBatch` runs these steps on a connection of its own and starts again after a lost race. split-batch.ts takes a
 * batch apart that fails.
 */

export interface ResolveOptions {
  linkByPhone: boolean;
  shardCount: number;
  /** The one tenant that these messages may be for: any other tenant's account counts as unknown. */
  onlyFor?: string | undefined;
}

/** The outcome of a message, or the error of this try. */
export type Ending = Outcome | AppError;

/** The results of a batch so far. */
interface Results {
  outcomes: Map<Arrival, Ending>;
  shards: Set<number>;
  hasNewDialogs: boolean;
  fullClients: FullClient[];
}

/** The arrivals that have no ending yet. */
export const without = (arrivals: readonly Arrival[], { outcomes }: Results): readonly Arrival[] =>
  outcomes.size === 0 ? arrivals : arrivals.filter((arrival) => !outcomes.has(arrival));

export interface BatchResult {
  /** One per arrival, in the order of the arrivals. */
  outcomes: Ending[];
  /** The delivery shards that have something new. */
  shards: number[];
  /** Whether the graph has something new to show. */
  hasNewDialogs: boolean;
  /** Clients that had too many identities to get another one by their phone. */
  fullClients: FullClient[];
}

/**
 * Undefined if the first copy's outcome says nothing about this one: other content was refused under the same ids, and
 * this may be the content that was accepted earlier.
 */
function outcomeOfCopy(copy: Arrival, first: Arrival, outcome: Ending): Ending | undefined {
  const { contentHash } = first.message;
  // A copy waits with the message that waits for its next try, whether or not its content is the same.
  if (copy === first || outcome instanceof AppError) return outcome;
  if ('receipt' in outcome) {
    return outcomeOfDuplicate({ receipt: outcome.receipt, contentHash }, copy.message.contentHash);
  }
  return copy.message.contentHash === contentHash ? outcome : undefined;
}

/** Resolves copies within one batch once. Each copy gets the answer that it would get if the messages came one by one. */
async function resolveCopies(
  arrivals: readonly Arrival[],
  resolveFirsts: (firsts: readonly Arrival[], results: Results) => Promise<void>,
): Promise<BatchResult> {
  const made: Results = {
    outcomes: new Map(),
    shards: new Set(),
    hasNewDialogs: false,
    fullClients: [],
  };
  const endings = new Map<Arrival, Ending>();
  for (let open = arrivals; open.length > 0; open = open.filter((one) => !endings.has(one))) {
    const first = new Map<string, Arrival>();
    for (const one of open) {
      if (!first.has(one.message.messageId)) first.set(one.message.messageId, one);
    }
    await resolveFirsts([...first.values()], made);
    for (const arrival of open) {
      const original = first.get(arrival.message.messageId) ?? arrival;
      const outcome = made.outcomes.get(original);
      if (outcome === undefined) throw unexpected('a message was left without an outcome');
      const ending = outcomeOfCopy(arrival, original, outcome);
      if (ending !== undefined) endings.set(arrival, ending);
    }
  }
  const outcomes = arrivals.map((arrival) => endings.get(arrival) as Ending);
  return { ...made, outcomes, shards: [...made.shards] };
}

/** Runs work inside a transaction: the one that is open, or a new one. */
type Within = <T>(work: (db: Queryable) => Promise<T>) => Promise<T>;

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
async function resolveOnce(
  db: Queryable,
  within: Within,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
  results: Results,
): Promise<void> {
  const { outcomes, fresh } = await firstLook(db, arrivals, options.onlyFor);
  for (const [arrival, outcome] of outcomes) results.outcomes.set(arrival, outcome);
  if (fresh.size === 0) return;
  const stored = await storeFresh(db, within, [...fresh.values()], options);
  for (const [arrival, item] of fresh) {
    const receipt = stored.receipts.get(item);
    if (receipt) results.outcomes.set(arrival, { kind: 'resolved', receipt });
  }
  for (const shard of stored.shards) results.shards.add(shard);
  results.hasNewDialogs ||= stored.hasNewDialogs;
  results.fullClients.push(...stored.fullClients);
}

/** The first copies of a batch while they are resolved, in one or several tries. */
export interface Batch {
  db: Database;
  options: ResolveOptions;
  results: Results;
}

/** Resolves these arrivals of a batch together, or throws the error of Postgres. Starts again after a lost race. */
export const tryBatch = (
  { db, options, results }: Batch,
  arrivals: readonly Arrival[],
): Promise<void> =>
  restarting(async () => {
    const open = without(arrivals, results);
    if (open.length === 0) return;
    await withClient(db, (client) =>
      resolveOnce(client, (work) => inTransaction(client, work), open, options, results),
    );
    if (without(open, results).length > 0) throw lostRace('A dialog was closed meanwhile.');
  });

/** Resolves a batch in the given way, which adds an ending for each arrival or throws. */
export const resolveBy = (
  db: Database,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
  way: (batch: Batch, arrivals: readonly Arrival[]) => Promise<void>,
): Promise<BatchResult> =>
  resolveCopies(arrivals, async (firsts, results) => {
    try {
      await way({ db, options, results }, firsts);
    } catch (error) {
      throw asAppError(error);
    }
  });

/**
 * Resolves a batch as a whole. Throws AppError if that fails, and the caller tries its messages apart. A message that was
 * resolved before the failure is a duplicate the next time.
 */
export const resolveTogether = (
  db: Database,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
): Promise<BatchResult> => resolveBy(db, arrivals, options, tryBatch);

/** What `resolveIn` has done, if the caller commits. */
export type ResolvedBatch = Omit<BatchResult, 'outcomes'> & { outcomes: Outcome[] };

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
  const batch = await resolveCopies(arrivals, async (firsts, results) => {
    try {
      await resolveOnce(tx, (work) => work(tx), firsts, options, results);
    } catch (error) {
      throw isLostRace(error) ? lostRace('Another transaction was faster.', error) : error;
    }
    if (without(firsts, results).length > 0) throw lostRace('A dialog was closed meanwhile.');
  });
  return batch as ResolvedBatch;
}
