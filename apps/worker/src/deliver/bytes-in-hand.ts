/** How many bytes of payloads a worker holds, of all lanes in hand. */
export interface BytesInHand {
  free(): number;
  /** Nothing more may be taken until something is released. */
  areSpent(): boolean;
  take(bytes: number): void;
  release(bytes: number): void;
  /** Something was due and did not fit beside what is in hand. */
  noteShort(): void;
}

/**
 * Bounds what a worker reads of messages before it sends them: places alone would let a hundred lanes of big messages
 * fill its memory. `onRoom` is called when there is room again for what did not fit.
 */
export function createBytesInHand(most: number, onRoom: () => void): BytesInHand {
  let held = 0;
  let isShort = false;
  return {
    free: () => Math.max(0, most - held),
    areSpent: () => isShort || held >= most,
    take(bytes) {
      held += bytes;
    },
    release(bytes) {
      const wasSpent = isShort || held >= most;
      held -= bytes;
      isShort = false;
      if (wasSpent) onRoom();
    },
    noteShort() {
      // With nothing in hand there is no release to wait for: the next look takes at least one message.
      isShort = held > 0;
    },
  };
}
