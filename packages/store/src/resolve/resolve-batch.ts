import { AppError, type Outcome } from '@contour/contract';
import { LostRace } from '../lost-race.ts';
import type { Pool } from '../pool.ts';
import { asAppError, isDataError, isLostRace, sqlState } from '../sql-error.ts';
import { withClient } from '../transaction.ts';
import type { FullClient } from './create-clients.ts';
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
  /** Clients whose phone another chat has given that was not linked to them: they have their fill. */
  fullClients: FullClient[];
}

interface Results {
  outcomes: Map<Arrival, Ending>;
  shards: Set<number>;
  hasNewDialogs: boolean;
  fullClients: FullClient[];
}

/** Adds what comes of these arrivals; one whose dialog is closed in this moment is left for the next start. */
async function resolveOnce(
  pool: Pool,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
  results: Results,
): Promise<void> {
  await withClient(pool, async (client) => {
    const { outcomes, fresh } = await firstLook(client, arrivals, options);
    for (const [arrival, outcome] of outcomes) results.outcomes.set(arrival, outcome);
    if (fresh.size === 0) return;
    const made = await resolveFresh(client, fresh, options);
    for (const [arrival, outcome] of made.outcomes) results.outcomes.set(arrival, outcome);
    for (const shard of made.shards) results.shards.add(shard);
    results.hasNewDialogs ||= made.hasNewDialogs;
    results.fullClients.push(...made.fullClients);
  });
}

const without = (arrivals: readonly Arrival[], { outcomes }: Results): readonly Arrival[] =>
  outcomes.size === 0 ? arrivals : arrivals.filter((arrival) => !outcomes.has(arrival));

async function resolveWithRestarts(
  pool: Pool,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
  results: Results,
): Promise<void> {
  for (let start = 1; ; start += 1) {
    const open = without(arrivals, results);
    if (open.length === 0) return;
    try {
      if (start > MAX_STARTS) throw new LostRace('its dialog is closed each time');
      await resolveOnce(pool, open, options, results);
    } catch (error) {
      if (!isLostRace(error) || start >= MAX_STARTS) throw error;
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
  arrivals: readonly Arrival[],
  options: ResolveOptions,
  results: Results,
): Promise<void> {
  try {
    await resolveWithRestarts(pool, arrivals, options, results);
  } catch (error) {
    const known = asAppError(error);
    if (known.code === 'postgres_unavailable') throw known;
    const open = without(arrivals, results);
    // It went on before it failed: what is left has not had its own starts.
    if (open.length < arrivals.length) return resolveBisecting(pool, open, options, results);
    const [only] = open;
    if (only !== undefined && open.length === 1) {
      results.outcomes.set(only, isDataError(error) ? refusal(error) : known);
      return;
    }
    const middle = open.length >> 1;
    await resolveBisecting(pool, open.slice(0, middle), options, results);
    await resolveBisecting(pool, open.slice(middle), options, results);
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
 * Resolves a batch and answers every message with one of the closed set. Throws
 * AppError when Postgres is away: then nothing is known, and the same batch may be given again.
 */
export async function resolveBatch(
  pool: Pool,
  arrivals: readonly Arrival[],
  options: ResolveOptions,
): Promise<BatchResult> {
  const first = firstCopies(arrivals);
  const made: Results = {
    outcomes: new Map(),
    shards: new Set(),
    hasNewDialogs: false,
    fullClients: [],
  };
  await resolveBisecting(pool, [...first.values()], options, made);
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
    fullClients: [...made.fullClients, ...rest.fullClients],
  };
}
