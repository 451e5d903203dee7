import { AppError, type Outcome } from '@contour/contract';
import type { Database } from '../database/database.ts';
import { asAppError, isDataError, sqlState } from '../database/errors.ts';
import { type Arrival, byAccount } from './first-look.ts';
import {
  type Batch,
  type BatchResult,
  type ResolveOptions,
  resolveBy,
  tryBatch,
  without,
} from './resolve.ts';

/** Each account needs a connection, and a locked row occupies one for the time of `lock_timeout`. */
const ACCOUNTS_AT_ONCE = 3;
/** After this many messages of an account met a lock alone, its other messages in the batch are not tried. */
const MOST_BUSY = 4;

interface BatchOptions extends ResolveOptions {
  /** Whether a message of the account has just failed alone. Such messages are tried apart from the others. */
  isSuspect?: (arrival: Arrival) => boolean;
}

/**
 * Runs the work for every item, `atOnce` at a time, in the order of the items. Settles when all work has ended, and
 * throws the first failure then.
 */
async function sideBySide<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const workOn = async () => {
    for (const item of left) await work(item);
  };
  const lines = Array.from({ length: Math.min(atOnce, items.length) }, workOn);
  for (const line of await Promise.allSettled(lines)) {
    if (line.status === 'rejected') throw line.reason;
  }
}

/** The part of a batch that is for one account, and its failures while it is halved. */
interface Part extends Batch {
  busy: number;
  /** Chats with a message that waits for its next try. Later ones may not overtake it. */
  heldChats: Set<string>;
}

const partOf = (batch: Batch): Part => ({ ...batch, busy: 0, heldChats: new Set() });

// Without Postgres's own message, which may quote the data: no log and no answer may show that.
const refusal = (error: unknown): Outcome => ({
  kind: 'invalid',
  faults: [{ path: '', message: `cannot be stored (SQLSTATE ${sqlState(error)})` }],
});

const notTried = () =>
  new AppError('not_tried', 'It waits for other messages of its chat or account.', undefined);

function endAlone(part: Part, arrival: Arrival, error: unknown): void {
  const { outcomes } = part.results;
  if (isDataError(error)) {
    outcomes.set(arrival, refusal(error));
    return;
  }
  const known = asAppError(error);
  outcomes.set(arrival, known);
  part.heldChats.add(arrival.message.externalChatId);
  if (known.code === 'postgres_busy') part.busy += 1;
}

/** The arrivals that are still tried in this batch. The others end as `not_tried`. */
function worthTrying(
  { results, busy, heldChats }: Part,
  arrivals: readonly Arrival[],
): readonly Arrival[] {
  if (busy < MOST_BUSY && heldChats.size === 0) return arrivals;
  return arrivals.filter((arrival) => {
    const isTried = busy < MOST_BUSY && !heldChats.has(arrival.message.externalChatId);
    if (!isTried) results.outcomes.set(arrival, notTried());
    return isTried;
  });
}

const isOneChat = (arrivals: readonly Arrival[]): boolean =>
  new Set(arrivals.map(({ message }) => message.externalChatId)).size === 1;

/**
 * Halves a part that fails until the message at fault is alone. Messages of one chat need the same locks, so if the first
 * one meets a lock, the others are not tried.
 */
async function resolveHalving(part: Part, arrivals: readonly Arrival[]): Promise<void> {
  const tried = worthTrying(part, arrivals);
  if (tried.length === 0) return;
  try {
    await tryBatch(part, tried);
  } catch (error) {
    if (asAppError(error).code === 'postgres_unavailable') throw error;
    const open = without(tried, part.results);
    // Some arrivals have ended, so the rest gets its own number of starts.
    if (open.length < tried.length) return resolveHalving(part, open);
    const [first, ...others] = open;
    const isBusy = asAppError(error).code === 'postgres_busy';
    if (first !== undefined && (others.length === 0 || (isBusy && isOneChat(open)))) {
      endAlone(part, first, error);
      worthTrying(part, others);
      return;
    }
    const middle = open.length >> 1;
    await resolveHalving(part, open.slice(0, middle));
    await resolveHalving(part, open.slice(middle));
  }
}

/** Does the work for each account alone and in its order, a few accounts at a time. */
const eachAccount = (
  arrivals: readonly Arrival[],
  work: (group: readonly Arrival[]) => Promise<void>,
): Promise<void> =>
  sideBySide(
    byAccount(arrivals, ({ message }) => message),
    ACCOUNTS_AT_ONCE,
    work,
  );

/**
 * Tries the first chat of a suspect alone. If it still meets a lock, the rest of the account is not tried, so the other
 * messages of the batch wait for this one lock only.
 */
async function resolveSuspect(batch: Batch, arrivals: readonly Arrival[]): Promise<void> {
  const part = partOf(batch);
  const firstChat = arrivals[0]?.message.externalChatId;
  const isFirst = ({ message }: Arrival) => message.externalChatId === firstChat;
  await resolveHalving(part, arrivals.filter(isFirst));
  const others = arrivals.filter((arrival) => !isFirst(arrival));
  if (part.busy === 0) return resolveHalving(part, others);
  for (const arrival of others) batch.results.outcomes.set(arrival, notTried());
}

async function resolveTogetherFirst(batch: Batch, arrivals: readonly Arrival[]): Promise<void> {
  if (arrivals.length === 0) return;
  try {
    await tryBatch(batch, arrivals);
  } catch (error) {
    if (asAppError(error).code === 'postgres_unavailable') throw error;
    await eachAccount(without(arrivals, batch.results), (group) =>
      resolveHalving(partOf(batch), group),
    );
  }
}

/**
 * Resolves a batch and answers every message with one of a closed set of outcomes. A failure in one account costs the
 * others at most one failed try: a batch that fails is tried account by account, and only the part of an account is
 * halved. Suspects are tried apart from the beginning. Throws AppError if Postgres is away: then nothing is known, and
 * the caller may give the same batch again.
 */
export function resolveBatch(
  db: Database,
  arrivals: readonly Arrival[],
  options: BatchOptions,
): Promise<BatchResult> {
  const { isSuspect = () => false } = options;
  return resolveBy(db, arrivals, options, async (batch, firsts) => {
    const suspects = firsts.filter(isSuspect);
    const others = suspects.length === 0 ? firsts : firsts.filter((one) => !isSuspect(one));
    const parts = [
      () => resolveTogetherFirst(batch, others),
      () => eachAccount(suspects, (group) => resolveSuspect(batch, group)),
    ];
    await sideBySide(parts, parts.length, (resolvePart) => resolvePart());
  });
}
