import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Reply } from '@contour/contract';
import { type Core, createConsoleCore, createCore, retryDelayMs } from '@contour/core';
import {
  type Consumer,
  createDeliverConsumer,
  createDlqIndex,
  createPresence,
  createProducer,
  createResolveConsumer,
  createShardBells,
  createStreamConsumer,
  createTailPublisher,
  type StreamConsumer,
} from '@contour/queue';
import {
  createBatcher,
  createTracer,
  createWatchdog,
  type Logger,
  logConnectionErrors,
  neo4jOf,
  type Shutdown,
} from '@contour/runtime';
import {
  asAppError,
  createLaneMarks,
  createPool,
  dueShards,
  findTenants,
  ping,
  poolCounts,
  reviveMessage,
} from '@contour/store';
import { createDeliverer } from './deliver/create-deliverer.ts';
import { createDlq } from './dlq/create-dlq.ts';
import { dlqDuties } from './dlq/dlq-duties.ts';
import { createShower } from './dlq/show-entries.ts';
import type { WorkerEnv } from './env.ts';
import { debounced } from './graph/debounced.ts';
import { openMirror } from './graph/open-mirror.ts';
import { countParking } from './metrics/count-parking.ts';
import { createWorkerMetrics } from './metrics/create-worker-metrics.ts';
import { watchStalled } from './metrics/watch-stalled.ts';
import { startProbeServer } from './probe-server.ts';
import { type Duty, startPulse } from './pulse/create-pulse.ts';
import { releaseParkedDuty } from './pulse/release-parked-duty.ts';
import { removeOldDuty } from './pulse/remove-old-duty.ts';
import { createResolver } from './resolve/create-resolver.ts';
import { handleResolveJob } from './resolve/handle-job.ts';
import { createHeldMessages } from './resolve/held-messages.ts';
import { parkGivenUp } from './resolve/park-given-up.ts';
import { replacedData, sealJob } from './resolve/seal-job.ts';
import { handleEntries } from './stream/handle-entries.ts';
import { tailCore, tailDeaths, tailDlq, tailResolver } from './tail.ts';
import { writeLater } from './write-later.ts';

/** Counts of waiting messages may lag by this much, so that many are written at once. */
const FORGET_WITHIN_MS = 50;

/** New clients come in swarms; the graph is woken once for as many as come in this time. */
const GRAPH_WAKE_MS = 200;

// In beats of a second.
const GIVEN_UP_EVERY = 5;

/** Two workers wait milliseconds for each other. A lock that lasts longer is not a worker's. */
const RESOLVE_LOCK_TIMEOUT_MS = 100;
/** Longer: a mark also waits for a resolver's transaction that puts a message into the same lane. */
const SETTLE_LOCK_TIMEOUT_MS = 500;
/** One for the marks of all tenants, and two for the marks that are written beside them. */
const SETTLE_CONNECTIONS = 3;

/** The part of SHUTDOWN_MS in which jobs may end by themselves; the rest is for closing what is left. */
const DRAIN_SHARE = 0.6;
/** Also for shards of a time when there were more: what bounds the work are a worker's places, not its shards. */
const SHARDS_AT_ONCE = 64;

const WATCHDOG = { intervalMs: 5_000, stuckAfterMs: 60_000 };

function openCore(env: WorkerEnv, logger: Logger): Core {
  if (env.CORE_URL === undefined) {
    return createConsoleCore({ write: (line) => void process.stdout.write(line) });
  }
  return createCore({
    url: env.CORE_URL,
    ...(env.CORE_SECRET === undefined ? {} : { secret: env.CORE_SECRET }),
    timeoutMs: env.CORE_TIMEOUT_MS,
    connections: env.DELIVER_CONCURRENCY,
    logger,
  });
}

/** Wires a worker and starts it. Closers are added in the order of opening and run backwards. */
export async function startWorker(
  env: WorkerEnv,
  logger: Logger,
  shutdown: Shutdown,
): Promise<void> {
  const plays = (role: WorkerEnv['WORKER_ROLES'][number]) => env.WORKER_ROLES.includes(role);
  const stopping = new AbortController();
  const redis = { redisUrl: env.REDIS_URL, onError: logConnectionErrors(logger, 'redis.error') };
  const tracer = createTracer(env, { serviceName: 'contour-worker', logger });
  if (tracer) shutdown.add('tracing', (signal) => tracer.close(signal));
  const pool = createPool({
    url: env.DATABASE_URL,
    applicationName: 'contour-worker',
    isForLookups: true,
    onError: logConnectionErrors(logger, 'postgres.error'),
  });
  shutdown.add('postgres', () => pool.end());
  const resolvePool = createPool({
    url: env.DATABASE_URL,
    applicationName: 'contour-worker-resolve',
    isForLookups: true,
    lockTimeoutMs: RESOLVE_LOCK_TIMEOUT_MS,
    onError: logConnectionErrors(logger, 'postgres.error'),
  });
  shutdown.add('postgres resolve', () => resolvePool.end());
  const settlePool = createPool({
    url: env.DATABASE_URL,
    applicationName: 'contour-worker-settle',
    isForLookups: true,
    max: SETTLE_CONNECTIONS,
    lockTimeoutMs: SETTLE_LOCK_TIMEOUT_MS,
    onError: logConnectionErrors(logger, 'postgres.error'),
  });
  shutdown.add('postgres settle', () => settlePool.end());
  const producer = createProducer(redis);
  shutdown.add('producer', () => producer.close());
  const metrics = createWorkerMetrics({
    pools: {
      main: poolCounts(pool),
      resolve: poolCounts(resolvePool),
      settle: poolCounts(settlePool),
    },
    core: openCore(env, logger),
  });
  const tail = createTailPublisher({ ...redis, process: 'worker' });
  shutdown.add('tail', async () => tail.close());
  const core = tailCore(metrics.core, tail);
  const index = createDlqIndex(redis);
  shutdown.add('dlq index', () => index.close());
  const shower = createShower({ pool, index, logger });
  shutdown.add('core', () => core.close());
  const workerId = randomUUID();
  const presence = createPresence({ ...redis, id: workerId });
  shutdown.add('presence', () => presence.leave());

  // Calls and wake-ups are hints: one that fails is given again by the pulse.
  const noteUnwoken = (err: unknown) => logger.debug({ err }, 'deliver.wake_failed');
  const wakeAnybody = (shards: readonly number[]) => {
    if (shards.length > 0) producer.wakeDeliver(shards).catch(noteUnwoken);
  };
  const shardBells = createShardBells({ ...redis, onRing: (shard) => deliverer.ring([shard]) });
  shutdown.add('bells', async () => shardBells.close());
  const marks = createLaneMarks({ shardCount: env.DELIVER_SHARDS });
  const deliverer = createDeliverer({
    pool,
    settlePool,
    core,
    logger,
    metrics: tailDeaths(metrics.delivery, tail),
    tracer,
    stopping: stopping.signal,
    concurrency: env.DELIVER_CONCURRENCY,
    marks,
    maxAttempts: env.DELIVER_ATTEMPTS,
    retryDelayMs: (attempt, retryAfterMs) => retryDelayMs(attempt, Math.random, retryAfterMs),
    wake: wakeAnybody,
    calls: shardBells,
  });
  /** There is something new in these shards. */
  const call = (shards: readonly number[]) => {
    const elsewhere = deliverer.ring(shards);
    if (elsewhere.length > 0) producer.callDeliver(elsewhere).catch(noteUnwoken);
  };

  const replies = createBatcher<{ to: string; reply: Reply }, number>({
    maxSize: 500,
    maxInFlight: 2,
    run: async (items) => {
      const heardBy = await producer.publishReplies(items);
      return items.map(({ to }) => heardBy.get(to) ?? 0);
    },
  });
  // A note that stays is gone in a week, and hides nothing: whoever asks is told from the ledger first.
  const forgetQueued = writeLater(producer.forgetQueued, {
    onFailure: (err) => logger.debug({ err }, 'queued_note.stays'),
  });
  // A count that stays too high is later cut to the length of the queue.
  const forgetWaiting = writeLater(producer.forgetWaiting, {
    withinMs: FORGET_WITHIN_MS,
    onFailure: (err) => logger.debug({ err }, 'waiting_count.stays'),
  });
  const parked = createDlq({
    pool,
    allowance: { count: env.MAX_PARKED_PER_ACCOUNT, bytes: env.MAX_PARKED_BYTES_PER_ACCOUNT },
    refused: { count: env.MAX_PARKED_UNKNOWN, bytes: env.MAX_PARKED_UNKNOWN_BYTES },
    forgetQueued,
    show: shower.soon,
    onDropped: metrics.parking.dropped,
    logger,
  });
  const dlq = tailDlq(countParking(metrics.parking, parked), tail);
  const wakeGraph = debounced(GRAPH_WAKE_MS, () => {
    producer.wakeGraph().catch((err) => logger.debug({ err }, 'graph.wake_failed'));
  });
  const untailed = createResolver({
    pool: resolvePool,
    concurrency: env.RESOLVE_CONCURRENCY,
    logger,
    metrics: metrics.resolve,
    tracer,
    wake: call,
    wakeGraph: env.NEO4J_URI === undefined ? () => {} : wakeGraph,
    stopping: stopping.signal,
    linkByPhone: env.LINK_BY_PHONE,
    phoneRegion: env.DEFAULT_PHONE_REGION,
    shardCount: env.DELIVER_SHARDS,
  });
  const resolver = tailResolver(untailed, tail);
  const ownerOf = async (message: IncomingMessage) => {
    const tenants = await findTenants(pool, [message]).catch((error) => {
      throw asAppError(error);
    });
    return tenants.get(message)?.tenantId ?? null;
  };
  const revive = async (message: { tenantId: string; messageId: string }) => {
    const revival = await reviveMessage(pool, message, env.DELIVER_SHARDS).catch((error) => {
      throw asAppError(error);
    });
    if (revival.shard !== null) call([revival.shard]);
    if (revival.hasLeft) {
      metrics.parking.replayed();
      shower.soon();
    }
    return revival;
  };

  const consumers: Consumer[] = [];
  const streams: StreamConsumer[] = [];
  const beat = async () => {
    const acceptedAgoMs = await presence.beat(core.acceptedAgoMs());
    if (acceptedAgoMs !== null) core.acceptedElsewhere(acceptedAgoMs);
  };
  const duties: Duty[] = [
    { name: 'presence', every: 1, run: beat },
    ...dlqDuties({ pool, index, dlq: parked, shower, id: workerId, logger }),
  ];
  if (plays('deliver')) {
    const run = (shard: number, signal: AbortSignal) => deliverer.run(shard, signal);
    const concurrency = Math.max(env.DELIVER_SHARDS, SHARDS_AT_ONCE);
    consumers.push(createDeliverConsumer({ ...redis, concurrency, run }));
    duties.push({
      name: 'wake',
      every: 1,
      // A worker that listens may be frozen, so shards that stay due also get a job in the queue.
      run: async () => wakeAnybody(deliverer.ring(await dueShards(pool, marks))),
    });
  }
  if (plays('stream')) {
    streams.push(
      createStreamConsumer({
        ...redis,
        id: workerId,
        shardCount: env.STREAM_SHARDS,
        handle: (entries, heldChats) =>
          handleEntries({ resolveAll: resolver.resolveAll, dlq, logger }, entries, heldChats),
        onFailure: (err) => logger.warn({ err }, 'stream.postponed'),
        onLoss: (shard, { entries, wasDeleted }) =>
          logger.error({ shard, entries, stream_deleted: wasDeleted }, 'stream.lost'),
      }),
    );
  }
  const neo4j = neo4jOf(env);
  if (plays('graph') && neo4j !== undefined) {
    const mirror = openMirror({
      neo4j,
      redis,
      pool,
      producer,
      stopping: stopping.signal,
      logger,
    });
    consumers.push(mirror.consumer);
    duties.push(mirror.duty);
    shutdown.add('graph', () => mirror.close());
  }
  if (plays('resolve')) {
    const jobDeps = {
      dlq,
      revive,
      ownerOf,
      forgetQueued,
      forgetWaiting,
      held: createHeldMessages(),
      logger,
    };
    const reply = (to: string, answer: Reply) => replies.push({ to, reply: answer });
    let postponed = 0;
    const consumer = createResolveConsumer({
      ...redis,
      concurrency: env.RESOLVE_CONCURRENCY,
      seal: (job) => sealJob(job.data, new Date(job.timestampMs)),
      handle: async (job) => {
        const end = await handleResolveJob({ ...jobDeps, resolve: resolver.resolve, reply }, job);
        if (end !== 'done') postponed += 1;
        return end;
      },
      giveUp: (job, { message }) => parkGivenUp(dlq, { ...job, failedReason: message }),
      unsealed: replacedData,
    });
    consumers.push(consumer);
    duties.push({
      name: 'given-up',
      every: GIVEN_UP_EVERY,
      run: async () => void (await producer.collectGivenUp((job) => parkGivenUp(dlq, job))),
    });
    const watchdog = createWatchdog({
      ...WATCHDOG,
      // A worker that postpones messages because of locks is not stuck.
      completed: () => consumer.completed() + postponed,
      isWorkWaiting: async () => {
        await ping(pool);
        return producer.isWorkWaiting();
      },
      onStuck: () => {
        logger.fatal({ stuckAfterMs: WATCHDOG.stuckAfterMs }, 'process.stuck');
        void shutdown.stop('stuck', 1);
      },
    });
    shutdown.add('watchdog', () => watchdog.stop());
  }

  watchStalled(metrics.registry, consumers);
  const upkeep = { pool, registry: metrics.registry, stopping: stopping.signal, logger };
  if (plays('deliver')) duties.push(removeOldDuty({ ...upkeep, days: env.RETENTION_DAYS }));
  if (plays('resolve') && env.RELEASE_PARKED) {
    const { resolveAll } = resolver;
    duties.push(releaseParkedDuty({ ...upkeep, dlq, resolveAll, id: workerId }));
  }

  const probes = await startProbeServer(env.HOST, env.WORKER_PORT, metrics.registry);
  shutdown.add('probes', () => probes.close());
  const pulse = startPulse(duties, logger);
  shutdown.add('pulse', () => pulse.stop());
  shutdown.add('consumers', async () => {
    stopping.abort();
    const drainMs = env.SHUTDOWN_MS * DRAIN_SHARE;
    const drained = await Promise.all(
      [...consumers, ...streams].map((consumer) => consumer.close(drainMs)),
    );
    if (drained.includes(false)) logger.warn('consumers.not_drained');
  });
  for (const consumer of [...consumers, ...streams]) consumer.start();
  logger.info({ id: workerId, roles: env.WORKER_ROLES, probes: probes.port }, 'worker.started');
}
