import type { AppError, Outcome } from '@contour/contract';
import { LostRace } from '../lost-race.ts';
import type { Pool } from '../pool.ts';
import { isLostRace } from '../sql-error.ts';
import { withClient } from '../transaction.ts';
import type { FullClient } from './create-clients.ts';
import { type Arrival, firstLook, type ResolveOptions, resolveFresh } from './resolve.ts';

/** Under contention the next try finds what the winner made; ten lost in a row is something else. */
const MAX_STARTS = 10;

/** What a message came to; an error where nothing can be said of it now. */
export type Ending = Outcome | AppError;

/** What has come of a batch so far. */
export interface Results {
  outcomes: Map<Arrival, Ending>;
  shards: Set<number>;
  hasNewDialogs: boolean;
  fullClients: FullClient[];
}

export const noResults = (): Results => ({
  outcomes: new Map(),
  shards: new Set(),
  hasNewDialogs: false,
  fullClients: [],
});

/** Those of the arrivals that have not come to an end. */
export const without = (arrivals: readonly Arrival[], { outcomes }: Results): readonly Arrival[] =>
  outcomes.size === 0 ? arrivals : arrivals.filter((arrival) => !outcomes.has(arrival));

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

/** Resolves all of them together, or throws what Postgres said; where a race is lost it starts again. */
export async function tryBatch(
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
