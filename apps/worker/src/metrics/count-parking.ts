import { CHANNEL_CODES, type Channel, DLQ_REASONS, type DlqReason } from '@contour/contract';
import { createCounter, perKey } from '@contour/runtime';
import type { Registry } from 'prom-client';
import type { Dlq } from '../dlq/create-dlq.ts';

/** `unknown` is what nobody could read. */
const CHANNELS = [...CHANNEL_CODES, 'unknown'] as const;

export interface ParkingMetrics {
  parked(channel: Channel | 'unknown', reason: DlqReason): void;
  notParked(channel: Channel | 'unknown'): void;
  /** An entry was removed because its replay succeeded. */
  replayed(): void;
  /** So many refused entries were dropped to stay within the bound. */
  dropped(count: number): void;
}

export function createParkingMetrics(registry: Registry): ParkingMetrics {
  const parked = createCounter(registry, {
    name: 'contour_parked_total',
    help: 'Entries that were put into the dead-letter queue, or renewed in it.',
    labelNames: ['channel', 'reason'],
  });
  const notParked = createCounter(registry, {
    name: 'contour_not_parked_total',
    help: 'Messages of an unknown credential beyond its allowance: only their sender has them.',
    labelNames: ['channel'],
  });
  const replayed = createCounter(registry, {
    name: 'contour_dlq_replayed_total',
    help: 'Entries that are gone because their replay has ended well.',
  })();
  const dropped = createCounter(registry, {
    name: 'contour_dlq_dropped_total',
    help: 'Entries of unknown credentials that were dropped, oldest first, to keep their common bound.',
  })();
  const parkedOf = perKey(CHANNELS, (channel) =>
    perKey(DLQ_REASONS, (reason) => parked(channel, reason)),
  );
  const notParkedOf = perKey(CHANNELS, (channel) => notParked(channel));

  return {
    parked: (channel, reason) => parkedOf[channel][reason].inc(),
    notParked: (channel) => notParkedOf[channel].inc(),
    replayed: () => replayed.inc(),
    dropped: (count) => dropped.inc(count),
  };
}

/** The dead-letter queue with counters: entries parked, removed by a replay, and dropped. */
export function countParking(metrics: ParkingMetrics, dlq: Dlq): Dlq {
  return {
    ...dlq,
    async park(entry, how) {
      const result = await dlq.park(entry, how);
      const channel = entry.message?.channel ?? 'unknown';
      if (result === 'parked') metrics.parked(channel, entry.reason);
      else metrics.notParked(channel);
      return result;
    },
    async remove(id, version) {
      const isRemoved = await dlq.remove(id, version);
      if (isRemoved) metrics.replayed();
      return isRemoved;
    },
  };
}
