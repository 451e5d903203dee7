import { createGraph, createMirror, type GraphOptions } from '@contour/graph';
import { type Consumer, createGraphConsumer, type OnError, type Producer } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import { createMirrorSource, isMirrorBehind, type Pool } from '@contour/store';
import type { Duty } from '../pulse/create-pulse.ts';
import { createMirrorRun } from './run-mirror.ts';

interface MirrorRoleDeps {
  neo4j: GraphOptions;
  redis: { redisUrl: string; onError: OnError };
  pool: Pool;
  producer: Pick<Producer, 'wakeGraph'>;
  stopping: AbortSignal;
  logger: Logger;
}

export interface MirrorRole {
  consumer: Consumer;
  duty: Duty;
  close(): Promise<void>;
}

/** What a worker does for the graph: it brings it up to date when woken, and wakes whoever can. */
export function openMirror(deps: MirrorRoleDeps): MirrorRole {
  const { neo4j, redis, pool, producer, stopping, logger } = deps;
  const graph = createGraph(neo4j);
  const mirror = createMirror({
    graph,
    source: createMirrorSource(pool),
    onRefused: ({ kind, key, error }) =>
      logger.error(
        { err: error, kind, tenant_id: key.tenant_id, id: key.id.slice(0, 64) },
        'graph.refused',
      ),
  });
  const bringUpToDate = createMirrorRun(mirror, logger);
  const consumer = createGraphConsumer({
    ...redis,
    // A long run ends after the batch in hand, not when the process is at the end of its time.
    run: (signal) => bringUpToDate(AbortSignal.any([signal, stopping])),
  });
  const duty: Duty = {
    name: 'graph',
    every: 1,
    run: async () => {
      if (await isMirrorBehind(pool)) await producer.wakeGraph();
    },
  };
  return { consumer, duty, close: () => graph.close() };
}
