import {
  CHANNEL_CODES,
  channelOfPayload,
  type ObservedAnswer,
  type ObservedDelivery,
} from '@contour/contract';
import { createCounter, createHistogram, perKey } from '@contour/runtime';
import type { Registry } from 'prom-client';
import type { Subscriber } from '../observers.ts';

/** `unknown`: another service made the payload. */
const CHANNELS = [...CHANNEL_CODES, 'unknown'] as const;
const FAILURES = ['timeout', 'network', 'http_4xx', 'http_5xx'] as const;
const DEATHS = ['core_refused', 'core_exhausted'] as const;

const channelOf = ({ payload }: ObservedDelivery) => channelOfPayload(payload) ?? 'unknown';

const failureOf = (code: string) => code.replace(/^(http_\d)\d\d$/, '$1xx');

const SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 43_200];

/** Counts and times what happens to stored messages on their way to Core. */
export function deliveryMetrics(registry: Registry): Subscriber {
  return { ...resultMetrics(registry), ...answerMetrics(registry) };
}

function resultMetrics(registry: Registry): Subscriber {
  const delivered = createCounter(registry, {
    name: 'contour_delivered_total',
    help: 'Messages that Core accepted.',
    labelNames: ['channel'],
  });
  const retried = createCounter(registry, {
    name: 'contour_retried_total',
    help: 'Attempts that failed and will be repeated.',
    labelNames: ['channel', 'reason'],
  });
  const dead = createCounter(registry, {
    name: 'contour_dead_total',
    help: 'Messages that Core refused, or did not accept in all their attempts.',
    labelNames: ['channel', 'reason'],
  });
  const seconds = createHistogram(registry, {
    name: 'contour_delivery_seconds',
    help: 'From receipt until Core accepted the message, retries included. Replayed messages are left out.',
    buckets: SECONDS,
  })();
  const sizes = createHistogram(registry, {
    name: 'contour_settle_batch_size',
    help: 'Attempts whose results were written in one statement.',
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
      // A replayed message waited for an operator. That time says nothing about delivery.
      if (message.attemptsBefore > 0) return;
      seconds.observe(Math.max(0, Date.now() - message.receivedAt.getTime()) / 1000);
    },
    retried(message, code) {
      const failure = failureOf(code) as (typeof FAILURES)[number];
      retriedOf[channelOf(message)][failure]?.inc();
    },
    dead: (message, reason) => deadOf[channelOf(message)][reason].inc(),
    settled: (attempts) => sizes.observe(attempts),
  };
}

const CLASSES = ['2xx', '3xx', '4xx', '5xx', 'timeout', 'network'] as const;

/** Undefined if no request was sent: the console stands in for Core. */
function classOf({ outcome, code, status }: ObservedAnswer): string | undefined {
  if (status !== undefined) return `${Math.floor(status / 100)}xx`;
  return outcome === 'delivered' ? undefined : code;
}

/** Statuses that may be about the way to Core, as values of a label. */
const REFUSALS = ['3xx', '401', '403', '404', '405', '407', '429'] as const;

const refusalOf = (code = '') => code.replace(/^http_(3)\d\d$/, '$1xx').replace('http_', '');

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
  const refusals: Partial<Record<string, { inc(): void }>> = perKey(REFUSALS, (status) =>
    refusal(status),
  );
  const answers: Partial<Record<string, { observe(seconds: number): void }>> = perKey(
    CLASSES,
    (name) => histogram({ class: name }),
  );
  return {
    answered(_message, answer) {
      const name = classOf(answer);
      if (name !== undefined) answers[name]?.observe(answer.ms / 1000);
      if (answer.outcome === 'postponed') refusals[refusalOf(answer.code)]?.inc();
    },
  };
}
