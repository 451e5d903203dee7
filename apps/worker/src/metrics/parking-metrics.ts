import { CHANNEL_CODES, channelOfPayload, DLQ_REASONS } from '@contour/contract';
import { createCounter, perKey } from '@contour/runtime';
import type { Registry } from 'prom-client';
import type { Subscriber } from '../observers.ts';

/** `unknown`: the message or its channel could not be read. */
const CHANNELS = [...CHANNEL_CODES, 'unknown'] as const;

/** Counts what enters and leaves the dead-letter queue. */
export function parkingMetrics(registry: Registry): Subscriber {
  const parked = createCounter(registry, {
    name: 'contour_parked_total',
    help: 'Entries that were put into the dead-letter queue, or renewed in it.',
    labelNames: ['channel', 'reason'],
  });
  const notParked = createCounter(registry, {
    name: 'contour_not_parked_total',
    help: 'Messages of an unknown account that were not parked, because the account has reached its bound.',
    labelNames: ['channel'],
  });
  const replayed = createCounter(registry, {
    name: 'contour_dlq_replayed_total',
    help: 'Entries that were removed because their replay succeeded.',
  })();
  const dropped = createCounter(registry, {
    name: 'contour_dlq_dropped_total',
    help: 'Entries of unknown accounts that were dropped, oldest first, to keep their common bound.',
  })();
  const parkedOf = perKey(CHANNELS, (channel) =>
    perKey(DLQ_REASONS, (reason) => parked(channel, reason)),
  );
  const notParkedOf = perKey(CHANNELS, (channel) => notParked(channel));

  return {
    parked: ({ message, reason }) => parkedOf[message?.channel ?? 'unknown'][reason].inc(),
    notParked: ({ message }) => notParkedOf[message?.channel ?? 'unknown'].inc(),
    dead: ({ payload }, reason) => parkedOf[channelOfPayload(payload) ?? 'unknown'][reason].inc(),
    replayed: () => replayed.inc(),
    dropped: (count) => dropped.inc(count),
  };
}
