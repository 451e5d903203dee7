import { createRegistry, type WatchedPool, watchPools } from '@contour/runtime';
import { Gauge } from 'prom-client';
import { dependencyGauge } from './dependency-gauge.ts';
import { type CountAnswer, createIntakeMetrics } from './intake-metrics.ts';
import { type PostgresProbes, postgresGauges } from './postgres-gauges.ts';
import { type RedisProbes, redisGauges } from './redis-gauges.ts';

interface MetricsDeps extends RedisProbes, PostgresProbes {
  pools: Record<string, WatchedPool>;
  pings: Record<string, (() => Promise<void>) | null>;
  maxBacklog: number;
}

export interface ApiMetrics {
  countAnswer: CountAnswer;
  contentType: string;
  /** Answers within about 2 s, whatever is away: what cannot be known is then left out. */
  scrape(): Promise<string>;
}

/**
 * What the API has counted, and the state of the whole installation. Every API shows the same state, so
 * it is read with `max`; no worker shows it, because a hundred of them would ask Redis and Postgres for
 * the same a hundred times, and because it matters most when no worker is there.
 */
export function createApiMetrics(deps: MetricsDeps): ApiMetrics {
  const registry = createRegistry();
  watchPools(registry, deps.pools);
  new Gauge({
    name: 'contour_backlog_limit',
    help: 'Past this many jobs waiting, delayed and active in `resolve` nothing is accepted.',
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
