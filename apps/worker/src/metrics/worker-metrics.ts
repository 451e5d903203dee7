import {
  AppError,
  CHANNEL_CODES,
  channelOfPayload,
  DLQ_REASONS,
  type ObservedAnswer,
  type ObservedDelivery,
} from '@contour/contract';
import type { Core } from '@contour/core';
import type { Consumer } from '@contour/queue/jobs';
import {
  createCounter,
  createHistogram,
  createRegistry,
  perKey,
  type WatchedPool,
  watchPools,
} from '@contour/runtime';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Subscriber } from '../observers.ts';

/**
 * A worker's metrics: only what this worker did, so that Prometheus can add up all workers. The API shows what is the
 * same for all of them: queues, lanes and streams.
 */
export function createWorkerMetrics(deps: {
  pools: Record<string, WatchedPool>;
  core: Pick<Core, 'circuits'>;
}): { registry: Registry; subscribers: Subscriber[] } {
  const registry = createRegistry();
  watchPools(registry, deps.pools);
  watchCircuits(registry, deps.core);
  const metrics = [resolveMetrics, deliveryMetrics, answerMetrics, parkingMetrics];
  return { registry, subscribers: metrics.map((subscriber) => subscriber(registry)) };
}

function watchCircuits(registry: Registry, { circuits }: Pick<Core, 'circuits'>): void {
  const show = (name: string, help: string, read: () => number) =>
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        this.set(read());
      },
    });
  show(
    'contour_core_circuit_open',
    '1 while this worker sends nothing to Core, after many failures in a row.',
    () => (circuits().isOpen ? 1 : 0),
  );
  show(
    'contour_core_tenant_circuits_open',
    'Tenants whose messages this worker holds back, because Core failed many times in a row for them.',
    () => circuits().openTenants,
  );
}

/** Counts the jobs of dead or frozen workers that the consumers of this process requeued. */
export function watchStalled(
  registry: Registry,
  consumers: ReadonlyArray<Partial<Pick<Consumer, 'stalled'>>>,
): void {
  new Counter({
    name: 'contour_stalled_total',
    help: 'Stalled jobs that this worker detected and requeued.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(consumers.reduce((sum, consumer) => sum + (consumer.stalled?.() ?? 0), 0));
    },
  });
}

/** `unknown`: the message or its channel could not be read, or another service made the payload. */
const CHANNELS = [...CHANNEL_CODES, 'unknown'] as const;

const channelOf = ({ payload }: ObservedDelivery) => channelOfPayload(payload) ?? 'unknown';

/** A counter with one series for each channel. */
function perChannel(registry: Registry, about: { name: string; help: string }) {
  const count = createCounter(registry, { ...about, labelNames: ['channel'] });
  return perKey(CHANNELS, (channel) => count(channel));
}

/** A counter with one series for each channel and reason. */
function perReason<Reason extends string>(
  registry: Registry,
  reasons: readonly Reason[],
  about: { name: string; help: string },
) {
  const count = createCounter(registry, { ...about, labelNames: ['channel', 'reason'] });
  return perKey(CHANNELS, (channel) => perKey(reasons, (reason) => count(channel, reason)));
}

const OUTCOMES = [
  'resolved',
  'replayed',
  'conflict',
  'unknown_tenant',
  'tenant_disabled',
  'invalid',
] as const;

const WAYS = ['queue', 'stream', 'release'] as const;

/** Counts and times resolved messages. A message that will be tried again is not counted. */
function resolveMetrics(registry: Registry): Subscriber {
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

const FAILURES = ['timeout', 'network', 'http_4xx', 'http_5xx'];
const DEATHS = ['core_refused', 'core_exhausted'] as const;

const failureOf = (code: string) => code.replace(/^(http_\d)\d\d$/, '$1xx');

/** Counts and times what happens to stored messages on their way to Core. */
function deliveryMetrics(registry: Registry): Subscriber {
  const deliveredOf = perChannel(registry, {
    name: 'contour_delivered_total',
    help: 'Messages that Core accepted.',
  });
  const retriedOf = perReason<string>(registry, FAILURES, {
    name: 'contour_retried_total',
    help: 'Attempts that failed and will be repeated.',
  });
  const deadOf = perReason(registry, DEATHS, {
    name: 'contour_dead_total',
    help: 'Messages that Core refused, or did not accept in all their attempts.',
  });
  const seconds = createHistogram(registry, {
    name: 'contour_delivery_seconds',
    help: 'From receipt until Core accepted the message, retries included. Replayed messages are left out.',
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 43_200],
  })();
  const sizes = createHistogram(registry, {
    name: 'contour_settle_batch_size',
    help: 'Attempts whose results were written in one statement.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500],
  })();

  return {
    delivered(message) {
      deliveredOf[channelOf(message)].inc();
      // A replayed message waited for an operator. That time says nothing about delivery.
      if (message.attemptsBefore > 0) return;
      seconds.observe(Math.max(0, Date.now() - message.receivedAt.getTime()) / 1000);
    },
    retried: (message, code) => retriedOf[channelOf(message)][failureOf(code)]?.inc(),
    dead: (message, reason) => deadOf[channelOf(message)][reason].inc(),
    settled: (attempts) => sizes.observe(attempts),
  };
}

const CLASSES = ['2xx', '3xx', '4xx', '5xx', 'timeout', 'network'];

/** Statuses that may be about the way to Core, as values of a label. */
const REFUSALS = ['3xx', '401', '403', '404', '405', '407', '429'];

/** Empty if no request was sent: the console stands in for Core. */
function classOf({ outcome, code = '', status }: ObservedAnswer): string {
  if (status !== undefined) return `${Math.floor(status / 100)}xx`;
  return outcome === 'delivered' ? '' : code;
}

const refusalOf = (code = '') => code.replace(/^http_(3)\d\d$/, '$1xx').replace('http_', '');

/** Times the answers of Core. */
function answerMetrics(registry: Registry): Subscriber {
  const histogram = createHistogram(registry, {
    name: 'contour_core_answer_seconds',
    help: 'Time until Core answered an attempt, by the class of the status or by the error in place of an answer.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30],
  });
  const refusal = createCounter(registry, {
    name: 'contour_core_refusals_total',
    help: 'Answers about the way to Core while it accepts no other message. The refused message waits.',
    labelNames: ['status'],
  });
  const refusals = perKey(REFUSALS, (status) => refusal(status));
  const answers = perKey(CLASSES, (name) => histogram({ class: name }));
  return {
    answered(_message, answer) {
      answers[classOf(answer)]?.observe(answer.ms / 1000);
      if (answer.outcome === 'postponed') refusals[refusalOf(answer.code)]?.inc();
    },
  };
}

/** Counts what enters and leaves the dead-letter queue. */
function parkingMetrics(registry: Registry): Subscriber {
  const parkedOf = perReason(registry, DLQ_REASONS, {
    name: 'contour_parked_total',
    help: 'Entries that were put into the dead-letter queue, or renewed in it.',
  });
  const notParkedOf = perChannel(registry, {
    name: 'contour_not_parked_total',
    help: 'Messages of an unknown account that were not parked, because the account has reached its bound.',
  });
  const replayed = createCounter(registry, {
    name: 'contour_dlq_replayed_total',
    help: 'Entries that were removed because their replay succeeded.',
  })();
  const dropped = createCounter(registry, {
    name: 'contour_dlq_dropped_total',
    help: 'Entries of unknown accounts that were dropped, oldest first, to keep their common bound.',
  })();

  return {
    parked: ({ message, reason }) => parkedOf[message?.channel ?? 'unknown'][reason].inc(),
    notParked: ({ message }) => notParkedOf[message?.channel ?? 'unknown'].inc(),
    dead: (message, reason) => parkedOf[channelOf(message)][reason].inc(),
    replayed: () => replayed.inc(),
    dropped: (count) => dropped.inc(count),
  };
}
