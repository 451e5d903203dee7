import {
  AppError,
  accountOf,
  type IncomingMessage,
  type LinkByPhone,
  type MessageObserver,
  matchingPhone,
  type Outcome,
  type PhoneRegion,
  type ResolveWay,
} from '@contour/contract';
import { createBatcher, type Logger, type Tracer } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import {
  type Arrival,
  type BatchResult,
  type Ending,
  type FullClient,
  resolveBatch,
  resolveTogether,
} from '@contour/store/resolve';
import {
  createAccountQueues,
  createJudge,
  createSuspects,
  isAway,
  untilItWorks,
} from '../failures.ts';

// One batch is on its way while the next gathers; more in flight would only make smaller batches.
const BATCHES_IN_FLIGHT = 2;
const BATCH_SIZE = 100;

interface ResolverDeps {
  /** Has a short lock_timeout: a row that is locked for longer delays only its own tenant. */
  pool: Database;
  logger: Pick<Logger, 'debug' | 'warn'>;
  observer: Pick<MessageObserver, 'resolved'>;
  tracer: Tracer | undefined;
  stopping: AbortSignal;
  concurrency: number;
  linkByPhone: LinkByPhone;
  phoneRegion: PhoneRegion;
  shardCount: number;
  wake: (shards: readonly number[]) => void;
  wakeGraph: () => void;
}

type Awaitable = Ending | Promise<Ending>;

export type Resolver = ReturnType<typeof createResolver>;

/**
 * Resolves messages in batches. When a batch fails, its slot is free at once for the next one, and each of its accounts
 * continues in a queue of its own, where only the messages at fault end with an error. Next: `resolveTogether` and
 * `resolveBatch` in the store, which find or create client and dialog and store the messages, all or nothing. After the
 * commit, `wake` leads to `deliver/run-shard.ts`.
 */
export function createResolver(deps: ResolverDeps) {
  const { pool, logger } = deps;
  const suspects = createSuspects();
  const perform = createPerform(deps, createJudge(suspects));
  const options = { linkByPhone: deps.linkByPhone !== false, shardCount: deps.shardCount };
  const isSuspect = ({ message }: Arrival) => suspects.has(accountOf(message));
  const queues = createAccountQueues({
    suspects,
    concurrency: deps.concurrency,
    resolve: (messages) =>
      perform('queue', messages, (arrivals) => resolveBatch(pool, arrivals, options)),
  });

  async function togetherOrApart(messages: readonly IncomingMessage[]): Promise<Awaitable[]> {
    if (messages.length === 0) return [];
    try {
      return await perform('queue', messages, (arrivals) =>
        resolveTogether(pool, arrivals, options),
      );
    } catch (error) {
      if (!(error instanceof AppError) || isAway(error)) throw error;
      logger.warn({ err: error, size: messages.length }, 'resolve.apart');
      return messages.map((message) => queues.push(message));
    }
  }

  const batcher = createBatcher<IncomingMessage, Awaitable>({
    maxSize: BATCH_SIZE,
    maxInFlight: BATCHES_IN_FLIGHT,
    async run(messages) {
      // An account may have got a queue of its own while its message waited here.
      const apart = messages.map((message) =>
        queues.isApart(message) ? queues.push(message) : undefined,
      );
      // The callers await them; without this handler a failure before that would be an unhandled rejection.
      for (const ending of apart) ending?.catch(() => undefined);
      const together = messages.filter((_, place) => apart[place] === undefined);
      const endings = (await togetherOrApart(together)).values();
      return apart.map((ending) => ending ?? (endings.next().value as Awaitable));
    },
  });

  return {
    /** Resolves a batch in its order. A batch with `onlyFor` is a release: it is resolved for no other tenant. */
    resolveAll: (messages: readonly IncomingMessage[], onlyFor?: string) =>
      perform(onlyFor === undefined ? 'stream' : 'release', messages, (arrivals) =>
        resolveBatch(pool, arrivals, { ...options, onlyFor, isSuspect }),
      ),
    /** Resolves one message. Batches form by themselves while earlier ones are in flight. */
    async resolve(message: IncomingMessage): Promise<Outcome> {
      const ending = await (queues.isApart(message) ? queues.push(message) : batcher.push(message));
      if (ending instanceof AppError) throw ending;
      return ending;
    },
  };
}

/** Performs one batch with all that surrounds the write: trace, outages, blame, events, wake-ups. */
function createPerform(deps: ResolverDeps, judge: ReturnType<typeof createJudge>) {
  const { logger, tracer, stopping, linkByPhone, phoneRegion, wake, wakeGraph } = deps;
  const logFull = createFullClientLog(logger);

  return async (
    way: ResolveWay,
    messages: readonly IncomingMessage[],
    /** Resolves the batch in Postgres. */
    work: (arrivals: readonly Arrival[]) => Promise<BatchResult>,
  ): Promise<Ending[]> => {
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
    logFull(fullClients);
    deps.observer.resolved(way, messages, endings);
    // After the answers, because a sender waits for those.
    setImmediate(() => {
      wake(shards);
      if (hasNewDialogs) wakeGraph();
    });
    logger.debug({ size: messages.length, ms: performance.now() - startedAt }, 'resolve.batch');
    return endings;
  };
}

/** Makes one span for each message of a batch. It shows how long the message waited for the batch. */
function traceBatch(tracer: Tracer, messages: readonly IncomingMessage[]) {
  const startedAtMs = Date.now();
  const spans = messages.map(({ traceParent: parent, messageId: root }) =>
    tracer.start({ name: 'resolve', kind: 'consumer', parent, root, startedAtMs }),
  );
  return {
    /** The same messages, each under its own span. A message is delivered under the span that is stored with it. */
    messages: messages.map((message, i) => ({ ...message, traceParent: spans[i]?.traceparent })),
    end(endings: readonly Ending[]): void {
      for (const [i, message] of messages.entries()) {
        const ending = endings[i];
        const outcome = ending instanceof AppError ? ending.code : ending?.kind;
        spans[i]?.end(
          {
            'contour.message_id': message.messageId,
            'contour.trace_id': message.traceId,
            'contour.channel': message.channel,
            'contour.tenant_id': ending && tenantOf(ending),
            'contour.outcome': outcome,
            'contour.queue_wait_ms': Math.max(startedAtMs - Date.parse(message.receivedAt), 0),
            'messaging.batch.message_count': messages.length,
          },
          ending instanceof AppError ? outcome : undefined,
        );
      }
    },
  };
}

function tenantOf(ending: Ending): string | undefined {
  if ('receipt' in ending) return ending.receipt.tenantId;
  return 'tenantId' in ending ? ending.tenantId : undefined;
}

/** How many logged clients are remembered. Beyond that all are forgotten and may be logged once more. */
const MAX_LOGGED = 10_000;

/** Logs each client that gets no further identity by its phone, once, by its ids. */
function createFullClientLog(logger: Pick<Logger, 'warn'>) {
  const logged = new Set<string>();
  return (clients: readonly FullClient[]): void => {
    for (const { tenantId, clientId } of clients) {
      if (logged.has(clientId)) continue;
      if (logged.size === MAX_LOGGED) logged.clear();
      logged.add(clientId);
      logger.warn({ tenant_id: tenantId, client_id: clientId }, 'client.too_many_identities');
    }
  };
}
