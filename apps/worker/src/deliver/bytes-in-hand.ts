/** How many bytes of payloads a worker holds, of all lanes in hand. */
export interface BytesInHand {
  /** How many more may be read. The first message of a lane is read in any case, since places bound the lanes. */
  free(): number;
  take(bytes: number): void;
  release(bytes: number): void;
}

/**
 * Bounds what a worker reads of messages before it sends them: places alone would let a hundred lanes of many big
 * messages fill its memory. A lane of which only a part was read is taken again when that part is through, so one
 * tenant's big messages make its own lanes shorter, and hold no other lane up.
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
