import {
  AppError,
  accountOf,
  type IncomingMessage,
  type LinkByPhone,
  matchingPhone,
  type Outcome,
  type PhoneRegion,
} from '@contour/contract';
import type { Logger, Tracer } from '@contour/runtime';
import { createBatcher } from '@contour/runtime';
import {
  type Arrival,
  type BatchResult,
  type Ending,
  type Pool,
  resolveBatch,
  resolveTogether,
} from '@contour/store';
import type { ResolveMetrics, Way } from '../metrics/resolve-metrics.ts';
import { isAway, untilItWorks } from '../until-it-works.ts';
import { createAccountLanes } from './account-lanes.ts';
import { createJudge } from './judge-endings.ts';
import { createSuspects } from './suspects.ts';
import { tellFullClients } from './tell-full-clients.ts';
import { traceBatch } from './trace-batch.ts';

// One batch is on its way while the next gathers; more in flight would only make smaller batches.
const BATCHES_IN_FLIGHT = 2;
const BATCH_SIZE = 100;

interface ResolverDeps {
  /** Has a short lock_timeout: a row that is locked for longer delays only its own tenant. */
  pool: Pool;
  logger: Logger;
  metrics: ResolveMetrics;
  tracer: Tracer | undefined;
  stopping: AbortSignal;
  /** How many jobs this worker may have in hand. */
  concurrency: number;
  linkByPhone: LinkByPhone;
  phoneRegion: PhoneRegion;
  shardCount: number;
  wake: (shards: readonly number[]) => void;
  /** There is something new for the graph. */
  wakeGraph: () => void;
}

export interface Resolver {
  /** One message; batches form by themselves while the one before is in flight. */
  resolve(message: IncomingMessage): Promise<Outcome>;
  /** A batch that has formed already, in its order; one that is released is for no tenant but `onlyFor`. */
  resolveAll(messages: readonly IncomingMessage[], onlyFor?: string): Promise<Ending[]>;
}

/** How a batch is resolved. */
type Work = (arrivals: readonly Arrival[]) => Promise<BatchResult>;

/**
 * Resolves messages in batches. When a batch fails, its slot is free at once for the next one, and each of its accounts
 * continues in a line of its own, where only the messages at fault end with an error.
 */
export function createResolver(deps: ResolverDeps): Resolver {
  const { pool, logger, tracer, stopping, linkByPhone, phoneRegion, shardCount, wake, wakeGraph } =
    deps;
  const suspects = createSuspects();
  const judge = createJudge(suspects);
  const tellFull = tellFullClients(logger);

  async function perform(
    way: Way,
    messages: readonly IncomingMessage[],
    work: Work,
  ): Promise<Ending[]> {
    const startedAt = performance.now();
    const trace = tracer && traceBatch(tracer, messages);
    const arrivals = (trace?.messages ?? messages).map((message) => ({
      message,
      phone: matchingPhone(message, { linkByPhone, phoneRegion }),
    }));
    const { outcomes, shards, hasNewDialogs, fullClients } = await untilItWorks(
      () => work(arrivals),
      { stopping, onFailure: (err) => logger.warn({ err }, 'resolve.waits') },
    );
    const endings = judge(messages, outcomes);
    trace?.end(endings);
    tellFull(fullClients);
    deps.metrics.resolved(way, messages, endings);
    // After the answers: a sender waits for those, and nobody for this.
    setImmediate(() => {
      wake(shards);
      if (hasNewDialogs) wakeGraph();
    });
    logger.debug({ size: messages.length, ms: performance.now() - startedAt }, 'resolve.batch');
    return endings;
  }

  const options = { linkByPhone: linkByPhone !== false, shardCount };
  const isSuspect = ({ message }: Arrival) => suspects.has(accountOf(message));
  const lanes = createAccountLanes({
    suspects,
    concurrency: deps.concurrency,
    resolve: (messages) =>
      perform('queue', messages, (arrivals) => resolveBatch(pool, arrivals, options)),
  });

  async function resolveTogetherOrApart(
    messages: readonly IncomingMessage[],
  ): Promise<Array<Ending | Promise<Ending>>> {
    try {
      return await perform('queue', messages, (arrivals) =>
        resolveTogether(pool, arrivals, options),
      );
    } catch (error) {
      if (!(error instanceof AppError) || isAway(error)) throw error;
      logger.warn({ err: error, size: messages.length }, 'resolve.apart');
      return messages.map((message) => lanes.push(message));
    }
  }

  const batcher = createBatcher<IncomingMessage, Ending | Promise<Ending>>({
    maxSize: BATCH_SIZE,
    maxInFlight: BATCHES_IN_FLIGHT,
    async run(messages) {
      // An account may have got a line of its own while its message waited here.
      const apart = messages.map((message) =>
        lanes.isApart(message) ? lanes.push(message) : undefined,
      );
      // The callers await them; without this handler a failure before that would be an unhandled rejection.
      for (const ending of apart) ending?.catch(() => undefined);
      const together = messages.filter((_, place) => apart[place] === undefined);
      const endings = (
        together.length === 0 ? [] : await resolveTogetherOrApart(together)
      ).values();
      return apart.map((ending) => ending ?? (endings.next().value as Ending | Promise<Ending>));
    },
  });

  return {
    resolveAll: (messages, onlyFor) =>
      perform(onlyFor === undefined ? 'stream' : 'release', messages, (arrivals) =>
        resolveBatch(pool, arrivals, { ...options, onlyFor, isSuspect }),
      ),
    async resolve(message) {
      const ending = await (lanes.isApart(message) ? lanes.push(message) : batcher.push(message));
      if (ending instanceof AppError) throw ending;
      return ending;
    },
  };
}
