import type { DlqEntry } from '@contour/contract';
import type { TailPublisher } from '@contour/queue/tail';
import type { Subscriber } from './observers.ts';

/** The tenant, or the account where the tenant is unknown. */
const ownerOf = ({ tenantId, message }: DlqEntry): string =>
  tenantId ?? (message === null ? '' : `${message.channel}:${message.fingerprint}`);

/** Counts events for `contour tail`. It costs one call per event while no tail is open. */
export function tailSubscriber(tail: Pick<TailPublisher, 'count' | 'isWatched'>): Subscriber {
  return {
    resolved(_way, _messages, endings) {
      if (!tail.isWatched()) return;
      for (const ending of endings) {
        if ('receipt' in ending) tail.count(ending.receipt.tenantId, ending.kind);
      }
    },
    parked(entry) {
      if (tail.isWatched()) tail.count(ownerOf(entry), `parked:${entry.reason}`);
    },
    answered({ tenantId }, { outcome }) {
      tail.count(tenantId, outcome === 'delivered' ? 'delivered' : 'failing');
    },
    dead({ tenantId }, reason) {
      tail.count(tenantId, 'dead');
      tail.count(tenantId, `parked:${reason}`);
    },
  };
}
