import type { Core } from '@contour/core';
import { createRegistry, type WatchedPool, watchPools } from '@contour/runtime';
import type { Registry } from 'prom-client';
import { createParkingMetrics, type ParkingMetrics } from './count-parking.ts';
import { createDeliveryMetrics, type DeliveryMetrics } from './delivery-metrics.ts';
import { measureCore } from './measure-core.ts';
import { createResolveMetrics, type ResolveMetrics } from './resolve-metrics.ts';

export interface WorkerMetrics {
  registry: Registry;
  resolve: ResolveMetrics;
  delivery: DeliveryMetrics;
  /** What was given, counted and timed. */
  core: Core;
  parking: ParkingMetrics;
}

/**
 * What a worker counts: only what itself has done, so that Prometheus may add its workers up. What is the
 * same whoever looks (queues, lanes, streams) is shown by the API.
 */
export function createWorkerMetrics(deps: {
  pools: Record<string, WatchedPool>;
  core: Core;
}): WorkerMetrics {
  const registry = createRegistry();
  watchPools(registry, deps.pools);
  const parking = createParkingMetrics(registry);
  return {
    registry,
    resolve: createResolveMetrics(registry),
    delivery: createDeliveryMetrics(registry, parking),
    core: measureCore(registry, deps.core),
    parking,
  };
}
