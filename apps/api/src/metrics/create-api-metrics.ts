import { createRegistry, type WatchedPool, watchPools } from '@contour/runtime';
import { createAnswerCount } from '../routes/resolve.ts';
import { type CreateGauge, gaugesOf, type Look, lookFor } from './look.ts';
import { type PostgresProbes, postgresGauges } from './postgres-gauges.ts';
import { type RedisProbes, redisGauges } from './redis-gauges.ts';

type Pings = Record<string, (() => Promise<void>) | null>;

interface MetricsDeps extends RedisProbes, PostgresProbes {
  pools: Record<string, WatchedPool>;
  /** Null for a server that is not configured. */
  pings: Pings;
  maxBacklog: number;
}

export type ApiMetrics = ReturnType<typeof createApiMetrics>;

/** Shows for each configured server whether it answers. */
function dependencyGauge(gauge: CreateGauge, pings: Pings): Look[] {
  const up = gauge(
    'contour_dependency_up',
    '1 if a server that this process needs answered a ping within 2 s.',
    'dependency',
  );
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
export function createApiMetrics(deps: MetricsDeps) {
  const registry = createRegistry();
  const gauge = gaugesOf(registry);
  watchPools(registry, deps.pools);
  gauge(
    'contour_backlog_limit',
    'Above this many jobs waiting, delayed and active in `resolve` no message is accepted.',
  ).set(deps.maxBacklog);
  const looks = [
    ...dependencyGauge(gauge, deps.pings),
    ...redisGauges(gauge, deps),
    ...postgresGauges(gauge, deps),
  ];
  return {
    countAnswer: createAnswerCount(registry),
    contentType: registry.contentType,
    /** Answers within about 2 s, whatever is away. Values that cannot be read are left out. */
    async scrape(): Promise<string> {
      await Promise.all(looks.map((look) => look()));
      return registry.metrics();
    },
  };
}
