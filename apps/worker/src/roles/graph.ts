import { AppError } from '@contour/contract';
import { createGraph, createMirror, type GraphOptions, type Mirror } from '@contour/graph';
import { createGraphConsumer } from '@contour/queue/jobs';
import type { Logger } from '@contour/runtime';
import { createMirrorSource, isMirrorBehind } from '@contour/store/graph';
import { backoff } from '../failures.ts';
import type { Role, WorkerParts } from '../worker-parts.ts';

/** Brings the graph up to date when it is woken, and wakes any worker with this role while something is not shown. */
export function openGraphRole(neo4j: GraphOptions, parts: WorkerParts): Role {
  const { redis, pool, producer, stopping, logger } = parts;
  const graph = createGraph(neo4j);
  const mirror = createMirror({
    graph,
    source: createMirrorSource(pool),
    onRefused: ({ kind, key: { tenant_id, id }, error: err }) =>
      logger.error({ err, kind, tenant_id, id: id.slice(0, 64) }, 'graph.refused'),
  });
  const bringUpToDate = createMirrorRun(mirror, logger);
  return {
    consumer: createGraphConsumer({
      ...redis,
      // A long run ends after the batch in hand, long before the time to stop is over.
      run: (signal) => bringUpToDate(AbortSignal.any([signal, stopping])),
    }),
    duties: [
      {
        name: 'graph',
        every: 1,
        run: async () => {
          if (await isMirrorBehind(pool)) await producer.wakeGraph();
        },
      },
    ],
    close: () => graph.close(),
  };
}

const REST = { firstMs: 1_000, longestMs: 5_000 };

/**
 * Brings the graph up to date when it is woken. While Neo4j or Postgres is away it rests, longer after each try. It logs
 * the outage once, and its end.
 */
export function createMirrorRun(mirror: Mirror, logger: Logger, nowMs = () => performance.now()) {
  let failures = 0;
  let notBefore = 0;

  const rest = (err: AppError) => {
    if (err.code === 'unexpected') logger.error({ err }, 'graph.failed');
    else if (failures === 0) logger.warn({ err }, 'graph.away');
    failures += 1;
    notBefore = nowMs() + backoff(failures, REST);
  };

  return async (signal: AbortSignal): Promise<void> => {
    if (nowMs() < notBefore) return;
    const startedAt = nowMs();
    try {
      const { rows, ended } = await mirror.drain(signal);
      if (failures > 0) logger.info('graph.back');
      failures = 0;
      logger.debug({ rows, ended, ms: nowMs() - startedAt }, 'graph.drained');
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      rest(error);
    }
  };
}
