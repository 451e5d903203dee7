import { AppError, type Outcome } from '@contour/contract';
import type { Pool } from '../pool.ts';
import { asAppError, isDataError, isLostRace, sqlState } from '../sql-error.ts';
import { inTransaction, withClient } from '../transaction.ts';
import { outcomeOfRepeat } from './ledger.ts';
import { type Arrival, firstLook, type ResolveOptions, resolveFresh } from './resolve.ts';

/** Under contention the next try finds what the winner made; ten lost in a row is something else. */
const MAX_STARTS = 10;

/** What a message came to; an error where nothing can be said of it alone. */
export type Ending = Outcome | AppError;

export interface BatchResult {
  /** One per arrival, in the order of the arrivals. */
  outcomes: Ending[];
  /** The delivery shards that have something new. */
  shards: number[];
  /** Whether the graph has something new to show. */
  hasNewDialogs: boolean;
}

type Results = { outcomes: Map<Arrival, Ending>; shards: Set<number>; hasNewDialogs: boolean };

async function resolveOnce(
  pool: Pool,
  arrivals: Arrival[],
  options: ResolveOptions,
): Promise<Results> {
  return withClient(pool, async (client) => {
    const { outcomes, fresh } = await firstLook(client, arrivals, options);
    if (fresh.size === 0) return { outcomes, shards: new Set(), hasNewDialogs: false };
    const made = await inTransaction(client, () => resolveFresh(client, fresh, options));
    return {
      outcomes: new Map([...outcomes, ...made.outcomes]),
      shards: new Set(made.shards),
      hasNewDialogs: made.hasNewDialogs,
    };
  });
}

async function resolveWithRestarts(
  pool: Pool,
  arrivals: Arrival[],
  options: ResolveOptions,
): Promise<Results> {
  for (let start = 1; ; start += 1) {
    try {
      return await resolveOnce(pool, arrivals, options);
    } catch (error) {
      if (!isLostRace(error) || start === MAX_STARTS) throw error;
    }
  }
}

// Postgres's own message may quote the data, which no log and no answer has to show.
const refusal = (error: unknown): Outcome => ({
  kind: 'invalid',
  faults: [{ path: '', message: `cannot be stored (SQLSTATE ${sqlState(error)})` }],
});

/**
 * What cannot be done with a batch is tried with its halves until the one at fault stands alone: the
 * others are resolved. Only a server that is away ends it all: there nothing is anybody's fault.
 */
async function resolveBisecting(
  pool: Pool,
  arrivals: Arrival[],
  options: ResolveOptions,
): Promise<Results> {
  try {
    return await resolveWithRestarts(pool, arrivals, options);
  } catch (error) {
    const known = asAppError(error);
    if (known.code === 'postgres_unavailable') throw known;
    const [only] = arrivals;
    if (only !== undefined && arrivals.length === 1) {
      const ending = isDataError(error) ? refusal(error) : known;
      return { outcomes: new Map([[only, ending]]), shards: new Set(), hasNewDialogs: false };
    }
    const middle = arrivals.length >> 1;
    const left = await resolveBisecting(pool, arrivals.slice(0, middle), options);
    const right = await resolveBisecting(pool, arrivals.slice(middle), options);
    return {
      outcomes: new Map([...left.outcomes, ...right.outcomes]),
      shards: new Set([...left.shards, ...right.shards]),
      hasNewDialogs: left.hasNewDialogs || right.hasNewDialogs,
    };
  }
}

/** Copies within one batch are resolved once; each copy gets the answer it would get one by one. */
function firstCopies(arrivals: readonly Arrival[]): Map<string, Arrival> {
  const first = new Map<string, Arrival>();
  for (const arrival of arrivals) {
    if (!first.has(arrival.message.messageId)) first.set(arrival.message.messageId, arrival);
  }
  return first;
}

/**
 * Undefined where the first copy's outcome says nothing of this one: another content was refused under
 * the same ids, and this may be the one that was accepted long ago.
 */
function outcomeOfCopy(copy: Arrival, first: Arrival, outcome: Ending): Ending | undefined {
  const { contentHash } = first.message;
  if (copy === first) return outcome;
  if ('receipt' in outcome) {
    return outcomeOfRepeat({ receipt: outcome.receipt, contentHash }, copy.message.contentHash);
  }
  return copy.message.contentHash === contentHash ? outcome : undefined;
}

/**
 * Resolves a batch in one transaction and answers every message with one of the closed set. Throws
 * AppError when Postgres is away: then nothing is known, and the same batch may be given again.
 */
export async function resolveBatch(
  pool: Pool,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
): Promise<BatchResult> {
  const first = firstCopies(arrivals);
  const made = await resolveBisecting(pool, [...first.values()], options);
  const endings = arrivals.map((arrival) => {
    const original = first.get(arrival.message.messageId);
    const outcome = original && made.outcomes.get(original);
    if (original === undefined || outcome === undefined) {
      throw new AppError('unexpected', 'a message was left without an outcome', undefined);
    }
    return outcomeOfCopy(arrival, original, outcome);
  });
  const open = arrivals.filter((_, place) => endings[place] === undefined);
  if (open.length === 0) {
    return { ...made, outcomes: endings as Ending[], shards: [...made.shards] };
  }
  const rest = await resolveBatch(pool, open, options);
  const restOutcomes = rest.outcomes.values();
  return {
    outcomes: endings.map((ending) => ending ?? (restOutcomes.next().value as Ending)),
    shards: [...new Set([...made.shards, ...rest.shards])],
    hasNewDialogs: made.hasNewDialogs || rest.hasNewDialogs,
  };
}
