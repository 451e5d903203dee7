import type { Counter, Histogram } from 'prom-client';

/** What one series of a counter needs for being counted up. */
type Count = Pick<Counter.Internal, 'inc'>;

/** What one series of a histogram needs. */
type Measure = Pick<Histogram.Internal<string>, 'observe'>;

/**
 * One value per key, made once. Counting is done per message: the labels of a series are put together
 * when the process starts, and a message looks a name or two up.
 */
export function perKey<Key extends string, Value>(
  keys: readonly Key[],
  make: (key: Key) => Value,
): Record<Key, Value> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<Key, Value>;
}

/** A series that is there, at 0, before its first event: an increase from nothing is none. */
export function countOf(counter: Counter, ...labels: string[]): Count {
  const child = counter.labels(...labels);
  child.inc(0);
  return child;
}

/** The same of a histogram. */
export function measureOf(histogram: Histogram, labels: Record<string, string>): Measure {
  histogram.zero(labels);
  return histogram.labels(labels);
}
