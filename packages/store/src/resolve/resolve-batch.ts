import { AppError } from '@contour/contract';
import type { Pool } from '../pool.ts';
import { asAppError } from '../sql-error.ts';
import type { FullClient } from './create-clients.ts';
import { outcomeOfRepeat } from './ledger.ts';
import type { Arrival, ResolveOptions } from './resolve.ts';
import { resolveSplitting, type Try } from './split-batch.ts';
import { type Ending, noResults, type Results, tryBatch } from './try-batch.ts';

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

export interface BatchOptions extends ResolveOptions {
  /** Whether a message of the account has just failed alone. Such messages are tried apart from the others. */
  isSuspect?: (arrival: Arrival) => boolean;
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
  // A copy waits with the message that waits for its next try, whether or not its content is the same.
  if (copy === first || outcome instanceof AppError) return outcome;
  if ('receipt' in outcome) {
    return outcomeOfRepeat({ receipt: outcome.receipt, contentHash }, copy.message.contentHash);
  }
  return copy.message.contentHash === contentHash ? outcome : undefined;
}

/** Resolves the first copies of a batch: adds an ending for each, or throws. */
type Way = (attempt: Try, arrivals: readonly Arrival[], results: Results) => Promise<void>;

async function resolveCopies(
  pool: Pool,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
  way: Way,
): Promise<BatchResult> {
  const first = firstCopies(arrivals);
  const made = noResults();
  try {
    await way((tried) => tryBatch(pool, tried, options, made), [...first.values()], made);
  } catch (error) {
    throw asAppError(error);
  }
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
  const rest = await resolveCopies(pool, open, options, way);
  const restOutcomes = rest.outcomes.values();
  return {
    outcomes: endings.map((ending) => ending ?? (restOutcomes.next().value as Ending)),
    shards: [...new Set([...made.shards, ...rest.shards])],
    hasNewDialogs: made.hasNewDialogs || rest.hasNewDialogs,
    fullClients: [...made.fullClients, ...rest.fullClients],
  };
}

/**
 * Resolves a batch and answers every message with one of the closed set. Throws
 * AppError when Postgres is away: then nothing is known, and the same batch may be given again.
 */
export function resolveBatch(
  pool: Pool,
  arrivals: readonly Arrival[],
  options: BatchOptions,
): Promise<BatchResult> {
  const { isSuspect = () => false } = options;
  return resolveCopies(pool, arrivals, options, (attempt, firsts, results) =>
    resolveSplitting(attempt, firsts, isSuspect, results),
  );
}

/**
 * Resolves a batch in one go. Throws AppError if that fails, and the caller tries its messages apart. A message that was
 * resolved before the failure is a repeat the next time.
 */
export function resolveTogether(
  pool: Pool,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
): Promise<BatchResult> {
  return resolveCopies(pool, arrivals, options, (attempt, firsts) => attempt(firsts));
}
