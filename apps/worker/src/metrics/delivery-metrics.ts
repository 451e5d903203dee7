import { CHANNEL_CODES, channelOfPayload } from '@contour/contract';
import { createCounter, createHistogram, perKey } from '@contour/runtime';
import type { Death, PendingMessage } from '@contour/store';
import type { Registry } from 'prom-client';
import type { ParkingMetrics } from './count-parking.ts';

/** `unknown` is a payload that was not made here. */
const CHANNELS = [...CHANNEL_CODES, 'unknown'] as const;
const FAILURES = ['timeout', 'network', 'http_4xx', 'http_5xx'] as const;
const DEATHS: ReadonlyArray<Death['reason']> = ['core_refused', 'core_exhausted'];

type Counted = Pick<PendingMessage, 'payload' | 'receivedAt' | 'attemptsBefore'>;

export interface DeliveryMetrics {
  delivered(message: Counted): void;
  /** Core did not take it and will be asked again; `code` is what the attempt is written down with. */
  retried(message: Counted, code: string): void;
  /** It is in the dead-letter queue. */
  dead(message: Counted & Pick<PendingMessage, 'tenantId'>, reason: Death['reason']): void;
  /** So many attempts were written down in one statement. */
  settled(attempts: number): void;
}

const channelOf = ({ payload }: Counted) => channelOfPayload(payload) ?? 'unknown';

const failureOf = (code: string) => code.replace(/^(http_\d)\d\d$/, '$1xx');

const SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 43_200];

export function createDeliveryMetrics(
  registry: Registry,
  parking: Pick<ParkingMetrics, 'parked'>,
): DeliveryMetrics {
  const delivered = createCounter(registry, {
    name: 'contour_delivered_total',
    help: 'Messages that Core has taken.',
    labelNames: ['channel'],
  });
  const retried = createCounter(registry, {
    name: 'contour_retried_total',
    help: 'Attempts that failed and will be repeated.',
    labelNames: ['channel', 'reason'],
  });
  const dead = createCounter(registry, {
    name: 'contour_dead_total',
    help: 'Messages that Core refused, or did not take in all their attempts.',
    labelNames: ['channel', 'reason'],
  });
  const seconds = createHistogram(registry, {
    name: 'contour_delivery_seconds',
    help: 'From receipt until Core has taken the message, retries included; not of replayed messages.',
    buckets: SECONDS,
  })();
  const sizes = createHistogram(registry, {
    name: 'contour_settle_batch_size',
    help: 'Attempts that were written down in one statement.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500],
  })();
  const deliveredOf = perKey(CHANNELS, (channel) => delivered(channel));
  const retriedOf = perKey(CHANNELS, (channel) =>
    perKey(FAILURES, (reason) => retried(channel, reason)),
  );
  const deadOf = perKey(CHANNELS, (channel) => perKey(DEATHS, (reason) => dead(channel, reason)));

  return {
    delivered(message) {
      deliveredOf[channelOf(message)].inc();
      // For as long as somebody took to look at a dead message, nothing here was slow.
      if (message.attemptsBefore > 0) return;
      seconds.observe(Math.max(0, Date.now() - message.receivedAt.getTime()) / 1000);
    },
    retried(message, code) {
      const failure = failureOf(code) as (typeof FAILURES)[number];
      retriedOf[channelOf(message)][failure]?.inc();
    },
    dead(message, reason) {
      deadOf[channelOf(message)][reason].inc();
      parking.parked(channelOf(message), reason);
    },
    settled: (attempts) => sizes.observe(attempts),
  };
}
