import { createDeparture, listen, unavailable } from '@contour/http';
import { createReplayer, storySources } from '@contour/operations';
import { createTracer, type Logger, type Shutdown, within } from '@contour/runtime';
import { asAppError, oldestSnapshots, ping, poolCounts } from '@contour/store/database';
import { clearParked, deadLetters, parkedFacts } from '@contour/store/dead-letters';
import { createMirrorSource } from '@contour/store/graph';
import { createLaneMarks, laneFacts } from '@contour/store/lanes';
import { findAnswer } from '@contour/store/messages';
import { pendingMigrations } from '@contour/store/migrations';
import { type AppDeps, buildApp } from './app.ts';
import { createWaitingLimit, watchBackPressure } from './back-pressure.ts';
import { type Connections, openConnections } from './connections.ts';
import type { ApiEnv } from './env.ts';
import { createAddJob, createOpenWaits } from './intake.ts';
import { createApiMetrics } from './metrics/create-api-metrics.ts';

// No HTTP request waits longer for one look into Postgres. Then Postgres counts as away.
const LOOK_WITHIN_MS = 3000;
/** A replay waits this long for the backlog to shrink before its next page. */
const ROOM_WITHIN_MS = 60_000;
// Shards that are looked at without a search. The API does not read DELIVER_SHARDS; a shard too many does no harm.
const USUAL_SHARDS = 64;

/** Wires the service together and listens. `shutdown` closes everything that it opens, the HTTP server first. */
export async function startApi(env: ApiEnv, logger: Logger, shutdown: Shutdown): Promise<void> {
  const tracer = createTracer(env, { serviceName: 'contour-api', logger });
  if (tracer) shutdown.add('tracing', (signal) => tracer.close(signal));
  const connections = openConnections(env, logger, shutdown);
  const { producer, replies, tail } = connections;
  const backPressure = watchBacklog(connections, env, logger);
  const openWaits = createOpenWaits();
  const departure = createDeparture();

  const app = buildApp({
    logger,
    tracer,
    apiKeys: env.API_KEYS,
    adminKeys: env.ADMIN_KEYS,
    rateLimit: env.RATE_LIMIT,
    waitMs: env.RESOLVE_WAIT_MS,
    timezone: env.DEFAULT_TIMEZONE,
    backPressure,
    limitWaiting: createWaitingLimit(producer.waitingOf, env.MAX_WAITING_PER_ACCOUNT),
    addJob: createAddJob(producer.addResolve, tail),
    replies,
    openWaits,
    noteQueued: producer.noteQueued,
    forgetQueued: producer.forgetQueued,
    messages: messagesIn(connections),
    findAnswer: (message) => findAnswer(connections.pool, message),
    dlq: deadLettersIn(connections),
    replay: createReplayer({
      addJobs: producer.addResolve,
      backlog: producer.backlog,
      replies,
      maxBacklog: env.MAX_BACKLOG,
      timezone: env.DEFAULT_TIMEZONE,
      patienceMs: ROOM_WITHIN_MS,
      impatient: () =>
        unavailable('The backlog leaves no room for a replay; replay the rest later.'),
    }),
    probes: probesOf(connections),
    isLeaving: departure.hasBegun,
    boardQueues: connections.board.queues,
    metrics: measure(connections, env),
  });

  shutdown.add('back-pressure', () => backPressure.close());
  shutdown.add('http', async (signal) => {
    // When time runs short, the requests that still wait are answered "queued" instead of being cut off.
    signal.addEventListener('abort', () => openWaits.cancelAll(), { once: true });
    await app.close();
  });
  shutdown.add('departure', (signal) => departure.begin(env.DRAIN_MS, signal));

  for (const name of ['API_KEYS', 'ADMIN_KEYS'] as const) {
    if (env[name].length === 0) logger.warn({ variable: name }, 'keys.none');
  }
  // Redis may be away at the start: then the first answers come from the ledger.
  await within(1000, replies.ready(), 'redis').catch(() => {});
  logger.info({ host: env.HOST, port: await listen(app, env.HOST, env.PORT) }, 'api.listening');
}

function watchBacklog({ producer }: Connections, env: ApiEnv, logger: Logger) {
  return watchBackPressure({
    backlog: async () => {
      // A hint, fetched in the same write: an account whose count is not known yet goes in front.
      const looked = producer.readWaitingCounts().catch(() => undefined);
      const backlog = await producer.backlog();
      await looked;
      return backlog;
    },
    maxBacklog: env.MAX_BACKLOG,
    onChange: (refusal, err) => {
      if (refusal === undefined) logger.info('intake.open');
      else logger.warn({ reason: refusal, err }, 'intake.refusing');
    },
  });
}

const look = <T>(answer: Promise<T>): Promise<T> =>
  within(LOOK_WITHIN_MS, answer, 'postgres').catch((error: unknown) => {
    throw asAppError(error);
  });

function messagesIn({ pool, producer }: Connections): AppDeps['messages'] {
  const sources = storySources(pool, producer);
  return {
    story: (messageId) => look(sources.story(messageId)),
    storiesOfTrace: (traceId) => look(sources.storiesOfTrace(traceId)),
    entry: (id) => look(sources.entry(id)),
    entriesOfTrace: (traceId) => look(sources.entriesOfTrace(traceId)),
    queued: sources.queued,
  };
}

/** The dead-letter queue. Clearing it is the only thing that the API writes in Postgres. */
function deadLettersIn({ pool }: Connections): AppDeps['dlq'] {
  const { get, list, matching } = deadLetters(pool);
  return {
    get: (id) => look(get(id)),
    list: (filter, page) => look(list(filter, page)),
    matching,
    clear: (filter) => clearParked(pool, filter),
  };
}

const pingsOf = ({ probePool, producer, graph }: Connections) => ({
  postgres: () => ping(probePool),
  redis: producer.ping,
  neo4j: graph?.ping ?? null,
});

const probesOf = (connections: Connections): AppDeps['probes'] => ({
  ...pingsOf(connections),
  workers: connections.producer.liveWorkers,
  pendingMigrations: () => pendingMigrations(connections.probePool),
  redisFacts: connections.producer.redisFacts,
});

function measure(connections: Connections, env: ApiEnv) {
  const { pool, probePool, producer, graph } = connections;
  const laneMarks = createLaneMarks({ shardCount: USUAL_SHARDS });
  return createApiMetrics({
    pools: { main: poolCounts(pool), probe: poolCounts(probePool) },
    pings: pingsOf(connections),
    backlog: producer.backlog,
    liveWorkers: producer.liveWorkers,
    queueFacts: producer.queueFacts,
    streamFacts: () => producer.streamFacts(env.STREAM_SHARDS),
    laneFacts: () => laneFacts(probePool, laneMarks),
    oldestSnapshots: () => oldestSnapshots(probePool),
    parkedFacts: () => parkedFacts(probePool),
    mirrorBacklog: graph === null ? null : createMirrorSource(probePool).backlog,
    maxBacklog: env.MAX_BACKLOG,
  });
}
