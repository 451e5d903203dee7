import { AppError, CHANNEL_CODES, type IncomingMessage, type Outcome } from '@contour/contract';
import { createCounter, createHistogram, perKey } from '@contour/runtime';
import type { Ending } from '@contour/store';
import type { Registry } from 'prom-client';

const OUTCOMES = [
  'resolved',
  'replayed',
  'conflict',
  'unknown_tenant',
  'tenant_disabled',
  'invalid',
] as const satisfies ReadonlyArray<Outcome['kind']>;

const WAYS = ['queue', 'stream', 'release'] as const;

/** How a message came to the resolver: one by one as a job, or with others, from a stream or the dead-letter queue. */
export type Way = (typeof WAYS)[number];

export interface ResolveMetrics {
  /** A batch is committed. What has to be tried again is not counted: it has not ended. */
  resolved(way: Way, messages: readonly IncomingMessage[], endings: readonly Ending[]): void;
}

export function createResolveMetrics(registry: Registry): ResolveMetrics {
  const resolved = createCounter(registry, {
    name: 'contour_resolved_total',
    help: 'Messages whose resolving has come to an end. `replayed` is a repeat that got the first answer.',
    labelNames: ['channel', 'outcome'],
  });
  const seconds = createHistogram(registry, {
    name: 'contour_resolve_seconds',
    help: 'From receipt to commit. A message out of the dead-letter queue brings its first receipt along.',
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
        // The clocks of two machines may differ: nothing takes less than no time.
        const ms = Math.max(0, now - Date.parse(receivedAt));
        if (ending.kind === 'resolved') seconds.observe(ms / 1000);
      }
    },
  };
}
