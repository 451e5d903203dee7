import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * A process's own metrics, begun with what every Node process can say of itself: CPU, memory, handles,
 * garbage collection and, measured by perf_hooks, how late its event loop is. One registry per call
 * and none global, so that two services in one process keep their counts apart.
 */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'contour_' });
  return registry;
}
