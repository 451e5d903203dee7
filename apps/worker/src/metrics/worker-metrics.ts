import type { Core } from '@contour/core';
import type { Consumer } from '@contour/queue/jobs';
import { createRegistry, type WatchedPool, watchPools } from '@contour/runtime';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Subscriber } from '../observers.ts';
import { deliveryMetrics } from './delivery-metrics.ts';
import { parkingMetrics } from './parking-metrics.ts';
import { resolveMetrics } from './resolve-metrics.ts';

/**
 * A worker's metrics: only what this worker did, so that Prometheus can add up all workers. The API shows what is the
 * same for all of them: queues, lanes and streams.
 */
export function createWorkerMetrics(deps: {
  pools: Record<string, WatchedPool>;
  core: Pick<Core, 'circuits'>;
}): { registry: Registry; subscribers: Subscriber[] } {
  const registry = createRegistry();
  watchPools(registry, deps.pools);
  watchCircuits(registry, deps.core);
  return {
    registry,
    subscribers: [resolveMetrics(registry), deliveryMetrics(registry), parkingMetrics(registry)],
  };
}

function watchCircuits(registry: Registry, core: Pick<Core, 'circuits'>): void {
  new Gauge({
    name: 'contour_core_circuit_open',
    help: '1 while this worker sends nothing to Core, after many failures in a row.',
    registers: [registry],
    collect() {
      this.set(core.circuits().isOpen ? 1 : 0);
    },
  });
  new Gauge({
    name: 'contour_core_tenant_circuits_open',
    help: 'Tenants whose messages this worker holds back, because Core failed many times in a row for them.',
    registers: [registry],
    collect() {
      this.set(core.circuits().openTenants);
    },
  });
}

/** Counts the jobs of dead or frozen workers that the consumers of this process requeued. */
export function watchStalled(
  registry: Registry,
  consumers: ReadonlyArray<Partial<Pick<Consumer, 'stalled'>>>,
): void {
  new Counter({
    name: 'contour_stalled_total',
    help: 'Stalled jobs that this worker detected and requeued.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(consumers.reduce((sum, consumer) => sum + (consumer.stalled?.() ?? 0), 0));
    },
  });
}
