import { accountOf, type DlqEntry, type MessageObserver } from '@contour/contract';
import type { TailPublisher } from '@contour/queue/tail';

/** A subscriber to some of the events. */
export type Subscriber = Partial<MessageObserver>;

type Event = (a: unknown, b: unknown, c: unknown) => void;

/** One observer for several subscribers. They are called in the order in which they are given. */
export function observers(...subscribers: readonly Subscriber[]): MessageObserver {
  const event = <Name extends keyof MessageObserver>(name: Name): MessageObserver[Name] => {
    // Looked up once, and not at every event.
    const listeners = subscribers.flatMap((one) => one[name] ?? []) as Event[];
    const tellAll: Event = (a, b, c) => {
      for (const listener of listeners) listener(a, b, c);
    };
    return tellAll as MessageObserver[Name];
  };
  return {
    resolved: event('resolved'),
    parked: event('parked'),
    notParked: event('notParked'),
    dropped: event('dropped'),
    replayed: event('replayed'),
    answered: event('answered'),
    delivered: event('delivered'),
    retried: event('retried'),
    dead: event('dead'),
    settled: event('settled'),
  };
}

/** The tenant, or the account where the tenant is unknown. */
const ownerOf = ({ tenantId, message }: DlqEntry): string =>
  tenantId ?? (message === null ? '' : accountOf(message));

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
