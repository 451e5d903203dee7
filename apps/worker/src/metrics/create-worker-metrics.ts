import type { Core } from '@contour/core';
import type { Dlq } from '@contour/queue';
import { createRegistry, type WatchedPool, watchPools } from '@contour/runtime';
import type { Registry } from 'prom-client';
import { countParking } from './count-parking.ts';
import { createDeliveryMetrics, type DeliveryMetrics } from './delivery-metrics.ts';
import { measureCore } from './measure-core.ts';
import { createResolveMetrics, type ResolveMetrics } from './resolve-metrics.ts';

export interface WorkerMetrics {
  registry: Registry;
  resolve: ResolveMetrics;
  delivery: DeliveryMetrics;
  /** What was given, counted and timed. */
  core: Core;
  dlq: Dlq;
}

/**
 * What a worker counts: only what itself has done, so that Prometheus may add its workers up. What is the
 * same whoever looks (queues, lanes, streams) is shown by the API.
 */
export function createWorkerMetrics(deps: {
  pools: Record<string, WatchedPool>;
  core: Core;
  dlq: Dlq;
}): WorkerMetrics {
  const registry = createRegistry();
  watchPools(registry, deps.pools);
  return {
    registry,
    resolve: createResolveMetrics(registry),
    delivery: createDeliveryMetrics(registry),
    core: measureCore(registry, deps.core),
    dlq: countParking(registry, deps.dlq),
  };
}
