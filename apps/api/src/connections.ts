import { createGraph } from '@contour/graph';
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

/** Opens every connection of the API, and has `shutdown` close them. */
export function openConnections(env: ApiEnv, logger: Logger, shutdown: Shutdown) {
  const postgres = {
    url: env.DATABASE_URL,
    onError: logConnectionErrors(logger, 'postgres.error'),
    isForLookups: true,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  };
  const pool = createPool({ ...postgres, applicationName: 'contour-api' });
  const probes = { applicationName: 'contour-api-probe', max: PROBE_CONNECTIONS };
  const probePool = createPool({ ...postgres, ...probes });
  const redis = { redisUrl: env.REDIS_URL, onError: logConnectionErrors(logger, 'redis.error') };
  const producer = createProducer(redis);
  const replies = createReplyListener(redis);
  const tail = createTailPublisher({ ...redis, process: 'api' });
  const board = boardQueues(redis);
  const neo4j = neo4jOf(env);
  const graph = neo4j ? createGraph(neo4j) : null;
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
