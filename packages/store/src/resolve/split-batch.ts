import { AppError, accountOf, type Outcome } from '@contour/contract';
import { asAppError, isDataError, sqlState } from '../database/errors.ts';
import { type Arrival, type Results, without } from './arrivals.ts';

/** Each account needs a connection, and a locked row occupies one for the time of `lock_timeout`. */
const ACCOUNTS_AT_ONCE = 3;
/** After this many messages of an account met a lock alone, its other messages in the batch are not tried. */
const MOST_BUSY = 4;

/** Tries these arrivals together: adds their endings, or throws. */
export type Try = (arrivals: readonly Arrival[]) => Promise<void>;

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

/** The failures of one account while its part of the batch is halved. */
interface Trouble {
  busy: number;
  /** Chats with a message that waits for its next try. Later ones may not overtake it. */
  heldChats: Set<string>;
}

// Without Postgres's own message, which may quote the data: no log and no answer may show that.
const refusal = (error: unknown): Outcome => ({
  kind: 'invalid',
  faults: [{ path: '', message: `cannot be stored (SQLSTATE ${sqlState(error)})` }],
});

const notTried = () =>
  new AppError('not_tried', 'It waits for other messages of its chat or account.', undefined);

function endAlone(arrival: Arrival, error: unknown, results: Results, trouble: Trouble): void {
  if (isDataError(error)) {
    results.outcomes.set(arrival, refusal(error));
    return;
  }
  const known = asAppError(error);
  results.outcomes.set(arrival, known);
  trouble.heldChats.add(arrival.message.externalChatId);
  if (known.code === 'postgres_busy') trouble.busy += 1;
}

/** The arrivals that are still tried in this batch. The others end as `not_tried`. */
function worthTrying(
  arrivals: readonly Arrival[],
  results: Results,
  { busy, heldChats }: Trouble,
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
async function resolveHalving(
  attempt: Try,
  arrivals: readonly Arrival[],
  results: Results,
  trouble: Trouble,
): Promise<void> {
  const tried = worthTrying(arrivals, results, trouble);
  if (tried.length === 0) return;
  try {
    await attempt(tried);
  } catch (error) {
    if (asAppError(error).code === 'postgres_unavailable') throw error;
    const open = without(tried, results);
    // Some arrivals have ended, so the rest gets its own number of starts.
    if (open.length < tried.length) return resolveHalving(attempt, open, results, trouble);
    const [first, ...others] = open;
    const isBusy = asAppError(error).code === 'postgres_busy';
    if (first !== undefined && (others.length === 0 || (isBusy && isOneChat(open)))) {
      endAlone(first, error, results, trouble);
      worthTrying(others, results, trouble);
      return;
    }
    const middle = open.length >> 1;
    await resolveHalving(attempt, open.slice(0, middle), results, trouble);
    await resolveHalving(attempt, open.slice(middle), results, trouble);
  }
}

function byAccount(arrivals: readonly Arrival[]): Arrival[][] {
  const groups = new Map<string, Arrival[]>();
  for (const arrival of arrivals) {
    const account = accountOf(arrival.message);
    const group = groups.get(account);
    if (group === undefined) groups.set(account, [arrival]);
    else group.push(arrival);
  }
  return [...groups.values()];
}

/** Resolves each account alone and in its order, a few accounts at a time. */
const resolveByAccount = (attempt: Try, arrivals: readonly Arrival[], results: Results) =>
  sideBySide(byAccount(arrivals), ACCOUNTS_AT_ONCE, (group) =>
    resolveHalving(attempt, group, results, { busy: 0, heldChats: new Set() }),
  );

/**
 * Tries the first chat of a suspect alone. If it still meets a lock, the rest of the account is not tried, so the other
 * messages of the batch wait for this one lock only.
 */
async function resolveSuspect(attempt: Try, arrivals: readonly Arrival[], results: Results) {
  const trouble: Trouble = { busy: 0, heldChats: new Set() };
  const firstChat = arrivals[0]?.message.externalChatId;
  const isFirst = ({ message }: Arrival) => message.externalChatId === firstChat;
  await resolveHalving(attempt, arrivals.filter(isFirst), results, trouble);
  const others = arrivals.filter((arrival) => !isFirst(arrival));
  if (trouble.busy === 0) return resolveHalving(attempt, others, results, trouble);
  for (const arrival of others) results.outcomes.set(arrival, notTried());
}

const resolveSuspects = (attempt: Try, arrivals: readonly Arrival[], results: Results) =>
  sideBySide(byAccount(arrivals), ACCOUNTS_AT_ONCE, (group) =>
    resolveSuspect(attempt, group, results),
  );

async function resolveTogetherFirst(attempt: Try, arrivals: readonly Arrival[], results: Results) {
  if (arrivals.length === 0) return;
  try {
    await attempt(arrivals);
  } catch (error) {
    if (asAppError(error).code === 'postgres_unavailable') throw error;
    await resolveByAccount(attempt, without(arrivals, results), results);
  }
}

/**
 * Resolves a batch so that a failure in one account costs the others at most one failed try. A batch that fails is tried
 * account by account, and only the part of an account is halved. Suspects are tried apart from the beginning. Throws if
 * Postgres is away.
 */
export async function resolveSplitting(
  attempt: Try,
  arrivals: readonly Arrival[],
  isSuspect: (arrival: Arrival) => boolean,
  results: Results,
): Promise<void> {
  const suspects = arrivals.filter(isSuspect);
  const others = suspects.length === 0 ? arrivals : arrivals.filter((one) => !isSuspect(one));
  const parts = [
    () => resolveTogetherFirst(attempt, others, results),
    () => resolveSuspects(attempt, suspects, results),
  ];
  await sideBySide(parts, parts.length, (resolvePart) => resolvePart());
}
