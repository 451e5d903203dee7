import {
  AppError,
  type IncomingMessage,
  type LinkByPhone,
  matchingPhone,
  type Outcome,
  type PhoneRegion,
} from '@contour/contract';
import type { Logger, Tracer } from '@contour/runtime';
import { createBatcher } from '@contour/runtime';
import { type Ending, type Pool, resolveBatch } from '@contour/store';
import type { ResolveMetrics, Way } from '../metrics/resolve-metrics.ts';
import { untilItWorks } from '../until-it-works.ts';
import { tellFullClients } from './tell-full-clients.ts';
import { traceBatch } from './trace-batch.ts';

// One batch is on its way while the next gathers; more in flight would only make smaller batches.
const BATCHES_IN_FLIGHT = 2;
const BATCH_SIZE = 100;

interface ResolverDeps {
  pool: Pool;
  logger: Logger;
  metrics: ResolveMetrics;
  tracer: Tracer | undefined;
  stopping: AbortSignal;
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

export function createResolver(deps: ResolverDeps): Resolver {
  const { pool, logger, tracer, stopping, linkByPhone, phoneRegion, shardCount, wake, wakeGraph } =
    deps;
  const tellFull = tellFullClients(logger);

  async function resolveAll(
    way: Way,
    messages: readonly IncomingMessage[],
    onlyFor?: string,
  ): Promise<Ending[]> {
    const startedAt = performance.now();
    const trace = tracer && traceBatch(tracer, messages);
    const arrivals = (trace?.messages ?? messages).map((message) => ({
      message,
      phone: matchingPhone(message, { linkByPhone, phoneRegion }),
    }));
    const { outcomes, shards, hasNewDialogs, fullClients } = await untilItWorks(
      () =>
        resolveBatch(pool, arrivals, { linkByPhone: linkByPhone !== false, shardCount, onlyFor }),
      { stopping, onFailure: (err) => logger.warn({ err }, 'resolve.waits') },
    );
    trace?.end(outcomes);
    tellFull(fullClients);
    deps.metrics.resolved(way, messages, outcomes);
    // After the answers: a sender waits for those, and nobody for this.
    setImmediate(() => {
      wake(shards);
      if (hasNewDialogs) wakeGraph();
    });
    logger.debug({ size: messages.length, ms: performance.now() - startedAt }, 'resolve.batch');
    return outcomes;
  }

  const batcher = createBatcher<IncomingMessage, Ending>({
    maxSize: BATCH_SIZE,
    maxInFlight: BATCHES_IN_FLIGHT,
    run: (messages) => resolveAll('queue', messages),
  });
  return {
    resolveAll: (messages, onlyFor) =>
      resolveAll(onlyFor === undefined ? 'stream' : 'release', messages, onlyFor),
    async resolve(message) {
      const ending = await batcher.push(message);
      if (ending instanceof AppError) throw ending;
      return ending;
    },
  };
}
