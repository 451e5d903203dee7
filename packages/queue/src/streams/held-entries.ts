import { resolveDelayMs } from '../jobs/consumer.ts';

/** The delay of an entry that was not tried, or that failed because a server was away. */
const REST_MS = 1_000;

/** An entry that stays pending for now. */
export interface HeldEntry {
  id: string;
  /** The entries of one chat are held together: a later one may not overtake an earlier one. */
  chat: string;
  /** How often Redis has delivered it. */
  deliveries: number;
  /** Whether the last delivery counts as a failure of this entry. */
  counts: boolean;
}

interface HeldChat {
  retryAt: number;
  /** Deliveries by id, in the order of the stream. */
  entries: Map<string, number>;
}

/**
 * Pending entries that wait for their next try, by chat, while the owner of the shard reads on. Only the owner's memory
 * has them. The next owner reads all pending entries again, in order.
 */
export function createHeldEntries(nowMs: () => number = () => performance.now()) {
  const byChat = new Map<string, HeldChat>();
  const chatOf = new Map<string, string>();

  function hold({ id, chat, deliveries, counts }: HeldEntry): void {
    const now = nowMs();
    const held = byChat.get(chat) ?? { retryAt: now, entries: new Map() };
    byChat.set(chat, held);
    chatOf.set(id, chat);
    held.entries.set(id, deliveries);
    // An entry that joins a held chat does not delay the next try.
    if (counts || held.retryAt <= now) {
      held.retryAt = Math.max(held.retryAt, now + (counts ? resolveDelayMs(deliveries) : REST_MS));
    }
  }

  return {
    get size() {
      return chatOf.size;
    },
    /** The chats that have an entry here. */
    chats: (): ReadonlySet<string> => new Set(byChat.keys()),
    hold: (entries: readonly HeldEntry[]) => entries.forEach(hold),
    /** Entries whose delay is over, those of one chat in their order. */
    due(limit: number) {
      const now = nowMs();
      const due: Array<Omit<HeldEntry, 'counts'>> = [];
      for (const [chat, { retryAt, entries }] of byChat) {
        if (retryAt > now) continue;
        for (const [id, deliveries] of entries) {
          if (due.length === limit) return due;
          due.push({ id, chat, deliveries });
        }
      }
      return due;
    },
    remove(ids: Iterable<string>) {
      for (const id of ids) {
        const chat = chatOf.get(id);
        if (chat === undefined) continue;
        chatOf.delete(id);
        const held = byChat.get(chat);
        held?.entries.delete(id);
        if (held?.entries.size === 0) byChat.delete(chat);
      }
    },
    /** How long until the next entry is due. */
    nextInMs() {
      const next = Math.min(...[...byChat.values()].map(({ retryAt }) => retryAt));
      return Math.max(next - nowMs(), 0);
    },
  };
}
