import type { Database } from '../database/database.ts';
import { asAppError, lostRace, restarting } from '../database/errors.ts';
import { inTransaction, withClient } from '../database/transaction.ts';
import {
  type Arrival,
  type BatchResult,
  noResults,
  type ResolveOptions,
  type Results,
  resolveCopies,
  without,
} from './arrivals.ts';
import { resolveOnce } from './resolve.ts';
import { resolveSplitting, type Try } from './split-batch.ts';

interface BatchOptions extends ResolveOptions {
  /** Whether a message of the account has just failed alone. Such messages are tried apart from the others. */
  isSuspect?: (arrival: Arrival) => boolean;
}

/** Resolves the arrivals together, or throws the error of Postgres. Starts again after a lost race. */
const tryBatch = (
  db: Database,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
  results: Results,
): Promise<void> =>
  restarting(async () => {
    const open = without(arrivals, results);
    if (open.length === 0) return;
    await withClient(db, (client) =>
      resolveOnce(client, (work) => inTransaction(client, work), open, options, results),
    );
    if (without(open, results).length > 0) throw lostRace('A dialog was closed meanwhile.');
  });

/** Resolves the first copies of a batch: adds an ending for each, or throws. */
type Way = (attempt: Try, arrivals: readonly Arrival[], results: Results) => Promise<void>;

const resolveBy = (
  db: Database,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
  way: Way,
): Promise<BatchResult> =>
  resolveCopies(arrivals, async (firsts) => {
    const results = noResults();
    try {
      await way((tried) => tryBatch(db, tried, options, results), firsts, results);
    } catch (error) {
      throw asAppError(error);
    }
    return results;
  });

/**
 * Resolves a batch and answers every message with one of a closed set of outcomes. Throws AppError if Postgres is away:
 * then nothing is known, and the caller may give the same batch again.
 */
export function resolveBatch(
  db: Database,
  arrivals: readonly Arrival[],
  options: BatchOptions,
): Promise<BatchResult> {
  const { isSuspect = () => false } = options;
  return resolveBy(db, arrivals, options, (attempt, firsts, results) =>
    resolveSplitting(attempt, firsts, isSuspect, results),
  );
}

/**
 * Resolves a batch as a whole. Throws AppError if that fails, and the caller tries its messages apart. A message that was
 * resolved before the failure is a duplicate the next time.
 */
export function resolveTogether(
  db: Database,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
): Promise<BatchResult> {
  return resolveBy(db, arrivals, options, (attempt, firsts) => attempt(firsts));
}
