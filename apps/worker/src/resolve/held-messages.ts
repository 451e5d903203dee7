/** How many failed messages are remembered. Beyond that the oldest is forgotten. */
const MOST_HELD = 10_000;

interface Identity {
  messageId: string;
  contentHash: string;
}

/**
 * Messages that failed and wait for their next try. A repeat waits with its message, because it would meet the same
 * lock. This is the memory of one worker. A forgotten message is tried once more than necessary.
 */
export interface HeldMessages {
  hold(message: Identity, forMs: number): void;
  /** How long a message, or a repeat of it, has to wait for its next try; 0 if it is not held. */
  leftMs(message: Identity): number;
}

const keyOf = ({ messageId, contentHash }: Identity) => `${messageId} ${contentHash}`;

export function createHeldMessages(nowMs: () => number = () => performance.now()): HeldMessages {
  const until = new Map<string, number>();
  return {
    hold(message, forMs) {
      const key = keyOf(message);
      until.delete(key);
      until.set(key, nowMs() + forMs);
      if (until.size <= MOST_HELD) return;
      for (const oldest of until.keys()) {
        until.delete(oldest);
        break;
      }
    },
    leftMs(message) {
      const key = keyOf(message);
      const end = until.get(key);
      if (end === undefined) return 0;
      const leftMs = Math.ceil(end - nowMs());
      if (leftMs > 0) return leftMs;
      until.delete(key);
      return 0;
    },
  };
}
