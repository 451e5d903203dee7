import { AppError, CHANNEL_CODES, type Outcome, type ResolveWay } from '@contour/contract';
import { createCounter, createHistogram, perKey } from '@contour/runtime';
import type { Registry } from 'prom-client';
import type { Subscriber } from '../observers.ts';

const OUTCOMES = [
  'resolved',
  'replayed',
  'conflict',
  'unknown_tenant',
  'tenant_disabled',
  'invalid',
] as const satisfies ReadonlyArray<Outcome['kind']>;

const WAYS = ['queue', 'stream', 'release'] as const satisfies ReadonlyArray<ResolveWay>;

/** Counts and times resolved messages. A message that will be tried again is not counted. */
export function resolveMetrics(registry: Registry): Subscriber {
  const resolved = createCounter(registry, {
    name: 'contour_resolved_total',
    help: 'Messages by the outcome of resolving. `replayed`: a duplicate that got the first answer.',
    labelNames: ['channel', 'outcome'],
  });
  const seconds = createHistogram(registry, {
    name: 'contour_resolve_seconds',
    help: 'From receipt to commit. For a message from the dead-letter queue, from its first receipt.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
  })();
  const sizes = createHistogram(registry, {
    name: 'contour_resolve_batch_size',
    help: 'Messages that were resolved together.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 256],
  });
  const counts = perKey(CHANNEL_CODES, (channel) =>
    perKey(OUTCOMES, (outcome) => resolved(channel, outcome)),
  );
  const sizeOf = perKey(WAYS, (way) => sizes({ way }));

  return {
    resolved(way, messages, endings) {
      sizeOf[way].observe(messages.length);
      const now = Date.now();
      for (const [index, { channel, receivedAt }] of messages.entries()) {
        const ending = endings[index];
        if (ending === undefined || ending instanceof AppError) continue;
        counts[channel][ending.kind].inc();
        // Two machines may have different clocks, so the difference may be negative.
        const ms = Math.max(0, now - Date.parse(receivedAt));
        if (ending.kind === 'resolved') seconds.observe(ms / 1000);
      }
    },
  };
}
