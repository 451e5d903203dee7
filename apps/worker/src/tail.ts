import type { DlqEntry } from '@contour/contract';
import type { Core } from '@contour/core';
import type { TailPublisher } from '@contour/queue';
import type { Ending } from '@contour/store';
import type { Dlq } from './dlq/create-dlq.ts';
import type { DeliveryMetrics } from './metrics/delivery-metrics.ts';
import type { Resolver } from './resolve/create-resolver.ts';

type Tail = Pick<TailPublisher, 'count' | 'isWatched'>;

/** Counts what comes of pushes. */
export function tailCore(core: Core, tail: Tail): Core {
  return {
    ...core,
    async push(message) {
      const result = await core.push(message);
      if (result.outcome === 'held' || result.outcome === 'aborted') return result;
      tail.count(message.tenantId, result.outcome === 'delivered' ? 'delivered' : 'failing');
      return result;
    },
  };
}

/** Counts messages that were given up. Each of them is in the dead-letter queue. */
export function tailDeaths(metrics: DeliveryMetrics, tail: Tail): DeliveryMetrics {
  return {
    ...metrics,
    dead(message, reason) {
      metrics.dead(message, reason);
      tail.count(message.tenantId, 'dead');
      tail.count(message.tenantId, `parked:${reason}`);
    },
  };
}

const ownerOf = ({ tenantId, message }: DlqEntry): string =>
  tenantId ?? (message === null ? '' : `${message.channel}:${message.fingerprint}`);

/** Counts what is parked, by reason. */
export function tailDlq(dlq: Dlq, tail: Tail): Dlq {
  return {
    ...dlq,
    async park(entry, how) {
      const result = await dlq.park(entry, how);
      if (result === 'parked') tail.count(ownerOf(entry), `parked:${entry.reason}`);
      return result;
    },
  };
}

function countEnding(tail: Tail, ending: Ending): void {
  if (!('receipt' in ending)) return;
  tail.count(ending.receipt.tenantId, ending.kind);
}

/** Counts what is resolved, for the first time and again. */
export function tailResolver({ resolve, resolveAll }: Resolver, tail: Tail): Resolver {
  return {
    async resolve(message) {
      const outcome = await resolve(message);
      countEnding(tail, outcome);
      return outcome;
    },
    async resolveAll(messages, onlyFor) {
      const endings = await resolveAll(messages, onlyFor);
      if (tail.isWatched()) for (const ending of endings) countEnding(tail, ending);
      return endings;
    },
  };
}
