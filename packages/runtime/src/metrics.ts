import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';

/**
 * A process's own metrics, with those of Node: CPU, memory, handles, garbage collection and the delay of the event loop.
 * The registry is not global, so that two services in one process keep their counts apart.
 */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'contour_' });
  return registry;
}

/** Makes one value per key. Series are made when the process starts, so that counting a message only looks one up. */
export function perKey<Key extends string, Value>(
  keys: readonly Key[],
  make: (key: Key) => Value,
): Record<Key, Value> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<Key, Value>;
}

/**
 * Returns a function that makes the series for the values of the labels, in their order. A series is 0 before its first
 * event; otherwise Prometheus could not see the first increase. The sums are kept here, because prom-client joins the
 * labels at every count: 0.4 µs of each message for each counter.
 */
export function createCounter(
  registry: Registry,
  { labelNames = [], ...about }: { name: string; help: string; labelNames?: readonly string[] },
): (...values: string[]) => { inc(by?: number): void } {
  const series: { labels: Record<string, string>; sum: number }[] = [];
  new Counter({
    ...about,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, sum } of series) this.inc(labels, sum);
    },
  });
  return (...values) => {
    const labels = Object.fromEntries(labelNames.map((name, index) => [name, values[index] ?? '']));
    const one = { labels, sum: 0 };
    series.push(one);
    return {
      inc(by = 1) {
        one.sum += by;
      },
    };
  };
}

interface HistogramSpec {
  name: string;
  help: string;
  /** The upper bounds in ascending order, without infinity. */
  buckets: readonly number[];
}

interface HistogramSeries {
  labels: Record<string, string>;
  /** How many values fell into each bucket alone; the last bucket has no upper bound. */
  counts: number[];
  sum: number;
}

function valuesOf({ name, buckets }: HistogramSpec, { labels, counts, sum }: HistogramSeries) {
  let count = 0;
  const upTo = counts.map((own, index) => {
    count += own;
    const le = String(buckets[index] ?? '+Inf');
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
  });
  return [
    ...upTo,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

/**
 * Returns a function that makes the series for some labels; a series is 0 before its first event. It replaces
 * prom-client's histogram, which takes at least 0.5 µs per value.
 */
export function createHistogram(
  registry: Registry,
  spec: HistogramSpec,
): (labels?: Record<string, string>) => { observe(value: number): void } {
  const { name, help, buckets } = spec;
  const series: HistogramSeries[] = [];
  const metric = {
    name,
    get: async () => ({
      ...{ name, help, type: 'histogram', aggregator: 'sum' },
      values: series.flatMap((one) => valuesOf(spec, one)),
    }),
  };
  // A registry uses nothing else of a metric, although the type names prom-client's own classes.
  registry.registerMetric(metric as unknown as Metric);
  return (labels = {}) => {
    const one: HistogramSeries = { labels, counts: new Array(buckets.length + 1).fill(0), sum: 0 };
    series.push(one);
    return {
      observe(value) {
        let index = 0;
        while (index < buckets.length && value > (buckets[index] ?? 0)) index += 1;
        one.counts[index] = (one.counts[index] ?? 0) + 1;
        one.sum += value;
      },
    };
  };
}

/** The counts of a pool of Postgres connections. */
export interface WatchedPool {
  totalCount: number;
  idleCount: number;
  waitingCount: number;
  options: { max?: number };
}

/** Adds the pools of this process to its metrics. They are read when the metrics are. */
export function watchPools(registry: Registry, pools: Record<string, WatchedPool>): void {
  const show = (name: string, help: string, read: (pool: WatchedPool) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['pool'],
      registers: [registry],
      collect() {
        for (const [pool, facts] of Object.entries(pools)) this.set({ pool }, read(facts));
      },
    });
  show('contour_postgres_connections', 'Open connections of a pool.', (pool) => pool.totalCount);
  show(
    'contour_postgres_idle',
    'Open connections of a pool that are not in use.',
    (pool) => pool.idleCount,
  );
  show(
    'contour_postgres_waiting',
    'Queries that wait for a connection of a pool.',
    (p) => p.waitingCount,
  );
  show(
    'contour_postgres_limit',
    'The most connections that a pool may open.',
    (pool) => pool.options.max ?? 0,
  );
}
