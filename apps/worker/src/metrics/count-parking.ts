import { CHANNEL_CODES, DLQ_REASONS } from '@contour/contract';
import type { Dlq } from '@contour/queue';
import { createCounter, perKey } from '@contour/runtime';
import type { Registry } from 'prom-client';

/** `unknown` is what nobody could read. */
const CHANNELS = [...CHANNEL_CODES, 'unknown'] as const;

/** The same dead-letter queue, counting what a worker puts into it and what has left it by a replay. */
export function countParking(registry: Registry, dlq: Dlq): Dlq {
  const parked = createCounter(registry, {
    name: 'contour_parked_total',
    help: 'Entries that were put into the dead-letter queue, or renewed in it.',
    labelNames: ['channel', 'reason'],
  });
  const notParked = createCounter(registry, {
    name: 'contour_not_parked_total',
    help: 'Messages of an unknown credential beyond its allowance: nobody has them but their sender.',
    labelNames: ['channel'],
  });
  const replayed = createCounter(registry, {
    name: 'contour_dlq_replayed_total',
    help: 'Entries that are gone because their replay has ended well.',
  })();
  const parkedOf = perKey(CHANNELS, (channel) =>
    perKey(DLQ_REASONS, (reason) => parked(channel, reason)),
  );
  const notParkedOf = perKey(CHANNELS, (channel) => notParked(channel));

  return {
    ...dlq,
    async park(entry) {
      const result = await dlq.park(entry);
      const channel = entry.message?.channel ?? 'unknown';
      if (result === 'parked') parkedOf[channel][entry.reason].inc();
      else notParkedOf[channel].inc();
      return result;
    },
    async remove(id, digest) {
      const isRemoved = await dlq.remove(id, digest);
      if (isRemoved) replayed.inc();
      return isRemoved;
    },
  };
}
