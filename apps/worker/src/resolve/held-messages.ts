import { createExpiringKeys } from './expiring-keys.ts';

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

export function createHeldMessages(nowMs?: () => number): HeldMessages {
  const held = createExpiringKeys(MOST_HELD, nowMs);
  return {
    hold: (message, forMs) => held.add(keyOf(message), forMs),
    leftMs: (message) => Math.ceil(held.leftMs(keyOf(message))),
  };
}
