import {
  AppError,
  type ClientId,
  type IncomingMessage,
  type Outcome,
  type TenantId,
} from '@contour/contract';
import { unexpected } from '../database/errors.ts';
import { outcomeOfDuplicate } from './ledger.ts';

/** A checked message and the phone to match by. */
export interface Arrival {
  message: IncomingMessage;
  phone: string | null;
}

export interface ResolveOptions {
  linkByPhone: boolean;
  shardCount: number;
  /** The one tenant that these messages may be for: any other tenant's account counts as unknown. */
  onlyFor?: string | undefined;
}

/** The outcome of a message, or the error of this try. */
export type Ending = Outcome | AppError;

/** A client that gets no further identity, although another chat gave its phone. */
export interface FullClient {
  tenantId: TenantId;
  clientId: ClientId;
}

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

function firstCopies(arrivals: readonly Arrival[]): Map<string, Arrival> {
  const first = new Map<string, Arrival>();
  for (const arrival of arrivals) {
    if (!first.has(arrival.message.messageId)) first.set(arrival.message.messageId, arrival);
  }
  return first;
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
export async function resolveCopies(
  arrivals: readonly Arrival[],
  resolveFirsts: (firsts: readonly Arrival[]) => Promise<Results>,
): Promise<BatchResult> {
  const first = firstCopies(arrivals);
  const made = await resolveFirsts([...first.values()]);
  const endings = arrivals.map((arrival) => {
    const original = first.get(arrival.message.messageId);
    const outcome = original && made.outcomes.get(original);
    if (original === undefined || outcome === undefined) {
      throw unexpected('a message was left without an outcome');
    }
    return outcomeOfCopy(arrival, original, outcome);
  });
  const open = arrivals.filter((_, place) => endings[place] === undefined);
  if (open.length === 0) {
    return { ...made, outcomes: endings as Ending[], shards: [...made.shards] };
  }
  const rest = await resolveCopies(open, resolveFirsts);
  const restOutcomes = rest.outcomes.values();
  return {
    outcomes: endings.map((ending) => ending ?? (restOutcomes.next().value as Ending)),
    shards: [...new Set([...made.shards, ...rest.shards])],
    hasNewDialogs: made.hasNewDialogs || rest.hasNewDialogs,
    fullClients: [...made.fullClients, ...rest.fullClients],
  };
}
