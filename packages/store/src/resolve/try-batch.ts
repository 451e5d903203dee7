import type { AppError, Outcome } from '@contour/contract';
import { LostRace } from '../lost-race.ts';
import type { Pool } from '../pool.ts';
import { isLostRace } from '../sql-error.ts';
import { withClient } from '../transaction.ts';
import type { FullClient } from './create-clients.ts';
import { type Arrival, firstLook, type ResolveOptions, resolveFresh } from './resolve.ts';

/** After a lost race the next start finds the winner's rows. Ten lost in a row have another cause. */
const MAX_STARTS = 10;

/** The outcome of a message, or the error of this try. */
export type Ending = Outcome | AppError;

/** The results of a batch so far. */
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

/** The arrivals that have no ending yet. */
export const without = (arrivals: readonly Arrival[], { outcomes }: Results): readonly Arrival[] =>
  outcomes.size === 0 ? arrivals : arrivals.filter((arrival) => !outcomes.has(arrival));

/** Adds the endings of these arrivals, except one whose dialog is closed at this moment: the next start resolves it. */
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

/** Resolves the arrivals together, or throws the error of Postgres. Starts again after a lost race. */
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
