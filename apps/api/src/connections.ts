import { createGraph, type Graph } from '@contour/graph';
import { boardQueues } from '@contour/queue/jobs';
import { createProducer } from '@contour/queue/producer';
import { createReplyListener } from '@contour/queue/replies';
import { createTailPublisher } from '@contour/queue/tail';
import { type Logger, logConnectionErrors, neo4jOf, type Shutdown } from '@contour/runtime';
import { createPool } from '@contour/store/database';
import type { ApiEnv } from './env.ts';

// A probe must answer while the pool is exhausted or a table is locked, so probes have connections of their own: two
// for health and three for metrics, so that neither waits for the other.
const PROBE_CONNECTIONS = 5;
const STATEMENT_TIMEOUT_MS = 2000;

function openPostgres(env: ApiEnv, logger: Logger) {
  const shared = {
    url: env.DATABASE_URL,
    onError: logConnectionErrors(logger, 'postgres.error'),
    isForLookups: true,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  };
  return {
    pool: createPool({ ...shared, applicationName: 'contour-api' }),
    probePool: createPool({
      ...shared,
      applicationName: 'contour-api-probe',
      max: PROBE_CONNECTIONS,
    }),
  };
}

function openRedis(env: ApiEnv, logger: Logger) {
  const redis = { redisUrl: env.REDIS_URL, onError: logConnectionErrors(logger, 'redis.error') };
  return {
    producer: createProducer(redis),
    replies: createReplyListener(redis),
    tail: createTailPublisher({ ...redis, process: 'api' }),
    board: boardQueues(redis),
  };
}

function openGraph(env: ApiEnv): Graph | null {
  const neo4j = neo4jOf(env);
  return neo4j ? createGraph(neo4j) : null;
}

/** Opens every connection of the API, and has `shutdown` close them. */
export function openConnections(env: ApiEnv, logger: Logger, shutdown: Shutdown) {
  const { pool, probePool } = openPostgres(env, logger);
  const { producer, replies, tail, board } = openRedis(env, logger);
  const graph = openGraph(env);
  shutdown.add('postgres', () => pool.end());
  shutdown.add('postgres probes', () => probePool.end());
  shutdown.add('producer', () => producer.close());
  shutdown.add('replies', () => replies.close());
  shutdown.add('tail', async () => tail.close());
  shutdown.add('board', () => board.close());
  if (graph !== null) shutdown.add('graph', () => graph.close());
  return { pool, probePool, producer, replies, tail, board, graph };
}

export type Connections = ReturnType<typeof openConnections>;
