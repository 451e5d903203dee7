import type { AddressInfo } from 'node:net';
import { createGraph, type Graph } from '@contour/graph';
import {
  boardQueues,
  createProducer,
  createReplyListener,
  createRoom,
  createTailPublisher,
} from '@contour/queue';
import {
  createTracer,
  EnvError,
  type Logger,
  logConnectionErrors,
  neo4jOf,
  type Shutdown,
  within,
} from '@contour/runtime';
import {
  asAppError,
  clearParked,
  createLaneMarks,
  createMirrorSource,
  createPool,
  type DeadLetters,
  deadLetters,
  findAnswer,
  findStoriesByTrace,
  findStory,
  laneFacts,
  oldestSnapshots,
  type Pool,
  parkedFacts,
  pendingMigrations,
  ping,
  poolCounts,
} from '@contour/store';
import type { FastifyInstance } from 'fastify';
import { createAddJob } from './add-jobs.ts';
import { type AppDeps, buildApp } from './app.ts';
import { watchBackPressure } from './back-pressure.ts';
import { createDeparture } from './departure.ts';
import type { ApiEnv } from './env.ts';
import { createWaitingLimit } from './limit-waiting.ts';
import { createApiMetrics } from './metrics/create-api-metrics.ts';
import { createOpenWaits } from './open-waits.ts';
import { unavailable } from './problem-error.ts';
import { reportAccepted, tailSubscriber } from './tail.ts';

// Nobody who asks over HTTP is to wait longer for one look into Postgres.
const LOOK_WITHIN_MS = 3000;
// A probe must answer while the pool is exhausted or a table is locked: it has its own connections.
// Two for health and three for metrics, so that neither waits for the other.
const PROBE_CONNECTIONS = 5;
/** A replay waits this long for the backlog to shrink before its next page. */
const ROOM_WITHIN_MS = 60_000;
// Shards that are looked at without a search. The API does not know DELIVER_SHARDS; a shard too many does no harm.
const USUAL_SHARDS = 64;

function openGraph(env: ApiEnv): Graph | null {
  const neo4j = neo4jOf(env);
  return neo4j ? createGraph(neo4j) : null;
}

type Look = <T>(answer: Promise<T>) => Promise<T>;

/** The dead-letter queue for operators. Clearing it is the only thing that the API writes to Postgres. */
function openDlq(pool: Pool, look: Look): AppDeps['dlq'] {
  const { get, list, byTrace, matching }: DeadLetters = deadLetters(pool);
  return {
    get: (id) => look(get(id)),
    list: (filter, page) => look(list(filter, page)),
    byTrace: (traceId) => look(byTrace(traceId)),
    async *matching(filter, limit) {
      try {
        yield* matching(filter, limit);
      } catch (error) {
        throw asAppError(error);
      }
    },
    clear: (filter) =>
      clearParked(pool, filter).catch((error: unknown) => {
        throw asAppError(error);
      }),
  };
}

async function listen(app: FastifyInstance, { HOST, PORT }: ApiEnv): Promise<number> {
  try {
    await app.listen({ host: HOST, port: PORT });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new EnvError(`PORT  ${PORT} is in use on ${HOST}`, { cause: error });
  }
  return (app.server.address() as AddressInfo).port;
}

/** Wires the service together and listens; everything it opens is closed by `shutdown`, the door first. */
export async function startApi(env: ApiEnv, logger: Logger, shutdown: Shutdown): Promise<void> {
  const redis = {
    redisUrl: env.REDIS_URL,
    onError: logConnectionErrors(logger, 'redis.error'),
  };
  const postgres = {
    url: env.DATABASE_URL,
    onError: logConnectionErrors(logger, 'postgres.error'),
  };
  const tracer = createTracer(env, { serviceName: 'contour-api', logger });
  if (tracer) shutdown.add('tracing', (signal) => tracer.close(signal));
  const pool = createPool({
    ...postgres,
    applicationName: 'contour-api',
    isForLookups: true,
    statementTimeoutMs: 2000,
  });
  const probePool = createPool({
    ...postgres,
    applicationName: 'contour-api-probe',
    isForLookups: true,
    max: PROBE_CONNECTIONS,
    statementTimeoutMs: 2000,
  });
  const producer = createProducer(redis);
  const replies = createReplyListener(redis);
  const tail = createTailPublisher({ ...redis, process: 'api' });
  const board = boardQueues(redis);
  const graph = openGraph(env);
  const backPressure = watchBackPressure({
    backlog: async () => {
      // A hint, fetched in the same write: an account whose count is not known yet goes in front.
      const looked = producer.lookAtAccounts().catch(() => undefined);
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
  const openWaits = createOpenWaits();
  const departure = createDeparture();
  const laneMarks = createLaneMarks({ shardCount: USUAL_SHARDS });
  const metrics = createApiMetrics({
    pools: { main: poolCounts(pool), probe: poolCounts(probePool) },
    pings: {
      postgres: () => ping(probePool),
      redis: producer.ping,
      neo4j: graph?.ping ?? null,
    },
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

  const look = <T>(answer: Promise<T>): Promise<T> =>
    within(LOOK_WITHIN_MS, answer, 'postgres').catch((error: unknown) => {
      throw asAppError(error);
    });

  const app = buildApp({
    logger,
    tracer,
    apiKeys: env.API_KEYS,
    adminKeys: env.ADMIN_KEYS,
    rateLimit: env.RATE_LIMIT,
    waitMs: env.RESOLVE_WAIT_MS,
    backPressure,
    addJob: reportAccepted(createAddJob(producer.addResolve), tailSubscriber(tail)),
    addJobs: producer.addResolve,
    limitWaiting: createWaitingLimit(producer.waitingOf, env.MAX_WAITING_PER_ACCOUNT),
    waitForRoom: createRoom({
      backlog: producer.backlog,
      maxBacklog: env.MAX_BACKLOG,
      patienceMs: ROOM_WITHIN_MS,
      impatient: () =>
        unavailable('The backlog leaves no room for a replay; replay the rest later.'),
    }),
    noteQueued: producer.noteQueued,
    forgetQueued: producer.forgetQueued,
    findQueued: producer.findQueued,
    replies,
    openWaits,
    dlq: openDlq(pool, look),
    findAnswer: (message) => findAnswer(pool, message),
    findStory: (messageId) => look(findStory(pool, messageId)),
    findStoriesByTrace: (traceId) => look(findStoriesByTrace(pool, traceId)),
    probes: {
      postgres: () => ping(probePool),
      redis: producer.ping,
      neo4j: graph?.ping ?? null,
      workers: producer.liveWorkers,
      pendingMigrations: () => pendingMigrations(probePool),
      redisFacts: producer.redisFacts,
      isLeaving: departure.hasBegun,
    },
    boardQueues: board.queues,
    metrics,
  });

  shutdown.add('postgres', () => pool.end());
  shutdown.add('postgres probes', () => probePool.end());
  shutdown.add('producer', () => producer.close());
  shutdown.add('replies', () => replies.close());
  shutdown.add('tail', async () => tail.close());
  shutdown.add('board', () => board.close());
  if (graph !== null) shutdown.add('graph', () => graph.close());
  shutdown.add('back-pressure', () => backPressure.close());
  shutdown.add('http', async (signal) => {
    // Who still waits when time runs short is told that the message is queued, and is not cut off.
    signal.addEventListener('abort', () => openWaits.cancelAll(), { once: true });
    await app.close();
  });
  shutdown.add('departure', (signal) => departure.begin(env.DRAIN_MS, signal));

  for (const name of ['API_KEYS', 'ADMIN_KEYS'] as const) {
    if (env[name].length === 0) logger.warn({ variable: name }, 'keys.none');
  }
  // Redis may be away at the start: then the first answers come from the ledger.
  await within(1000, replies.ready(), 'redis').catch(() => {});
  logger.info({ host: env.HOST, port: await listen(app, env) }, 'api.listening');
}
