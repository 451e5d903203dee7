/** The size of the payloads that a worker holds, of all lanes in hand. */
export interface BytesInHand {
  /** How many more may be read. The first message of a lane is read in any case, since places bound the lanes. */
  free(): number;
  take(bytes: number): void;
  release(bytes: number): void;
}

/**
 * Bounds the payloads that a worker holds before it sends them. Places alone do not bound them: a hundred lanes of many
 * big messages would fill its memory. A lane of which only a part was read is taken again when that part has been sent,
 * so big messages delay no lane but their own.
 */
export function createBytesInHand(most: number): BytesInHand {
  let held = 0;
  return {
    free: () => Math.max(0, most - held),
    take(bytes) {
      held += bytes;
    },
    release(bytes) {
      held -= bytes;
    },
  };
}
