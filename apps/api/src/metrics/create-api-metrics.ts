import { createRegistry, type WatchedPool, watchPools } from '@contour/runtime';
import { Gauge, type Registry } from 'prom-client';
import { type CountAnswer, createIntakeMetrics } from './intake-metrics.ts';
import { type Look, lookFor } from './look.ts';
import { type PostgresProbes, postgresGauges } from './postgres-gauges.ts';
import { type RedisProbes, redisGauges } from './redis-gauges.ts';

type Pings = Record<string, (() => Promise<void>) | null>;

export interface MetricsDeps extends RedisProbes, PostgresProbes {
  pools: Record<string, WatchedPool>;
  /** Null for a server that is not configured. */
  pings: Pings;
  maxBacklog: number;
}

export interface ApiMetrics {
  countAnswer: CountAnswer;
  contentType: string;
  /** Answers within about 2 s, whatever is away. Values that cannot be read are left out. */
  scrape(): Promise<string>;
}

/** Shows for each configured server whether it answers. */
function dependencyGauge(registry: Registry, pings: Pings): Look[] {
  const up = new Gauge({
    name: 'contour_dependency_up',
    help: '1 if a server that this process needs answered a ping within 2 s.',
    labelNames: ['dependency'],
    registers: [registry],
  });
  return Object.entries(pings).flatMap(([dependency, ping]) => {
    if (ping === null) return [];
    const show = (isUp: true | undefined) => up.set({ dependency }, isUp ? 1 : 0);
    return [lookFor(dependency, () => ping().then(() => true as const), show)];
  });
}

/**
 * What the API has counted, and the state of the whole installation. Every API shows the same state, so it is read
 * with `max`. No worker shows it: a hundred workers would ask Redis and Postgres the same questions a hundred times,
 * and the state matters most while no worker lives.
 */
export function createApiMetrics(deps: MetricsDeps): ApiMetrics {
  const registry = createRegistry();
  watchPools(registry, deps.pools);
  new Gauge({
    name: 'contour_backlog_limit',
    help: 'Above this many jobs waiting, delayed and active in `resolve` no message is accepted.',
    registers: [registry],
  }).set(deps.maxBacklog);
  const looks = [
    ...dependencyGauge(registry, deps.pings),
    ...redisGauges(registry, deps),
    ...postgresGauges(registry, deps),
  ];
  return {
    countAnswer: createIntakeMetrics(registry),
    contentType: registry.contentType,
    async scrape() {
      await Promise.all(looks.map((look) => look()));
      return registry.metrics();
    },
  };
}
