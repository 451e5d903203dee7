import { randomUUID } from 'node:crypto';
import { createConsoleCore, createCore } from '@contour/core';
import { createDlqIndex } from '@contour/queue/dlq';
import { type Consumer, createShardBells } from '@contour/queue/jobs';
import { createPresence } from '@contour/queue/presence';
import { createProducer } from '@contour/queue/producer';
import { createTailPublisher } from '@contour/queue/tail';
import {
  CONSOLE,
  createTracer,
  type Duty,
  type Logger,
  logConnectionErrors,
  type Shutdown,
} from '@contour/runtime';
import { createPool, poolCounts } from '@contour/store/database';
import { createDlq } from './dlq/dlq.ts';
import { createIndexWriter, dlqDuties } from './dlq/upkeep.ts';
import type { WorkerEnv } from './env.ts';
import { createGraphCall, createShardCalls, writeLater } from './hints.ts';
import { createWorkerMetrics } from './metrics/worker-metrics.ts';
import { observers, tailSubscriber } from './observers.ts';
import { createResolver } from './resolve/resolver.ts';

/** Two workers wait milliseconds for each other. A lock that lasts longer belongs to another program. */
const RESOLVE_LOCK_TIMEOUT_MS = 100;
/** Longer: a mark also waits for a resolver's transaction that puts a message into the same lane. */
const SETTLE_LOCK_TIMEOUT_MS = 500;
/** One for the marks of all tenants, and two for the marks that are written beside them. */
const SETTLE_CONNECTIONS = 3;

/** A part of the work that a worker may take on. WORKER_ROLES names the roles of a worker. */
export interface Role {
  /** Takes the work. It is started last, and closed first and together with those of the other roles. */
  consumer: Pick<Consumer, 'start' | 'close'> & Partial<Pick<Consumer, 'stalled'>>;
  /** Periodic work. */
  duties: readonly Duty[];
  /** Closes what the role opened beside its consumer. */
  close?: () => Promise<void> | void;
}

export type WorkerParts = ReturnType<typeof openParts>;

/** Opens what the roles of a worker share. Closers are added in the order of opening and run backwards. */
export function openParts(
  env: WorkerEnv,
  logger: Logger,
  shutdown: Pick<Shutdown, 'add'>,
  stopping: AbortSignal,
) {
  const id = randomUUID();
  const redis = { redisUrl: env.REDIS_URL, onError: logConnectionErrors(logger, 'redis.error') };
  const tracer = createTracer(env, { serviceName: 'contour-worker', logger });
  if (tracer) shutdown.add('tracing', (signal) => tracer.close(signal));
  const pools = openPools(env, logger, shutdown);
  const producer = createProducer(redis);
  shutdown.add('producer', () => producer.close());
  const core = openCore(env, logger);
  const counts = {
    main: poolCounts(pools.main),
    resolve: poolCounts(pools.resolve),
    settle: poolCounts(pools.settle),
  };
  const { registry, subscribers } = createWorkerMetrics({ pools: counts, core });
  const tail = createTailPublisher({ ...redis, process: 'worker' });
  shutdown.add('tail', async () => tail.close());
  const observer = observers(...subscribers, tailSubscriber(tail));
  const index = createDlqIndex(redis);
  shutdown.add('dlq index', () => index.close());
  shutdown.add('core', () => core.close());
  const presence = createPresence({ ...redis, id });
  shutdown.add('presence', () => presence.leave());
  const bells = createShardBells({ ...redis, onRing: (shard) => calls.ring([shard]) });
  shutdown.add('bells', async () => bells.close());
  const calls = createShardCalls({ producer, bells, logger });

  // A note that stays expires in a week and hides nothing, because the ledger is asked first.
  const forgetQueued = writeLater(producer.forgetQueued, {
    onFailure: (err) => logger.debug({ err }, 'queued_note.stays'),
  });
  const indexWriter = createIndexWriter(pools.main, index, logger);
  const dlq = createDlq({
    ...{ pool: pools.main, forgetQueued, show: indexWriter.soon, observer, logger },
    allowance: { count: env.MAX_PARKED_PER_ACCOUNT, bytes: env.MAX_PARKED_BYTES_PER_ACCOUNT },
    refused: { count: env.MAX_PARKED_UNKNOWN, bytes: env.MAX_PARKED_UNKNOWN_BYTES },
  });
  const resolver = createResolver({
    ...{ pool: pools.resolve, observer, tracer, stopping, logger, wake: calls.call },
    wakeGraph: env.NEO4J_URI === undefined ? () => {} : createGraphCall(producer, logger),
    concurrency: env.RESOLVE_CONCURRENCY,
    linkByPhone: env.LINK_BY_PHONE,
    phoneRegion: env.DEFAULT_PHONE_REGION,
    shardCount: env.DELIVER_SHARDS,
  });
  const duties: Duty[] = [
    {
      name: 'presence',
      every: 1,
      async run() {
        const acceptedAgoMs = await presence.beat(core.acceptedAgoMs());
        if (acceptedAgoMs !== null) core.acceptedElsewhere(acceptedAgoMs);
      },
    },
    ...dlqDuties({ pool: pools.main, index, dlq, indexWriter, id, logger }),
  ];
  return {
    ...{ env, logger, stopping, id, redis, tracer, pools, pool: pools.main, producer, core },
    ...{ registry, observer, calls, forgetQueued, dlq, resolver, duties },
  };
}

/** Three pools, so that a lock or a load in one part of the work does not delay the others. */
function openPools(env: WorkerEnv, logger: Logger, shutdown: Pick<Shutdown, 'add'>) {
  const onError = logConnectionErrors(logger, 'postgres.error');
  const open = (part: string, limits: { lockTimeoutMs?: number; max?: number } = {}) => {
    const shared = { url: env.DATABASE_URL, isForLookups: true, onError };
    const pool = createPool({ ...shared, ...limits, applicationName: `contour-worker${part}` });
    shutdown.add(`postgres${part}`, () => pool.end());
    return pool;
  };
  return {
    main: open(''),
    resolve: open('-resolve', { lockTimeoutMs: RESOLVE_LOCK_TIMEOUT_MS }),
    settle: open('-settle', { lockTimeoutMs: SETTLE_LOCK_TIMEOUT_MS, max: SETTLE_CONNECTIONS }),
  };
}

function openCore(env: WorkerEnv, logger: Logger) {
  if (env.CORE_URL === undefined || env.CORE_URL === CONSOLE) {
    return createConsoleCore({ write: (line) => void process.stdout.write(line) });
  }
  return createCore({
    url: env.CORE_URL,
    secret: env.CORE_SECRET,
    timeoutMs: env.CORE_TIMEOUT_MS,
    connections: env.DELIVER_CONCURRENCY,
    logger,
  });
}
