/** Keys that are remembered for a time. Beyond `most` the oldest is forgotten. */
export interface ExpiringKeys {
  /** Remembers a key from now on for this long. */
  add(key: string, forMs: number): void;
  /** How long the key is still remembered; 0 if it is not. */
  leftMs(key: string): number;
  clear(): void;
}

export function createExpiringKeys(
  most: number,
  nowMs: () => number = () => performance.now(),
): ExpiringKeys {
  const until = new Map<string, number>();
  return {
    add(key, forMs) {
      until.delete(key);
      until.set(key, nowMs() + forMs);
      const [oldest] = until.keys();
      if (until.size > most && oldest !== undefined) until.delete(oldest);
    },
    leftMs(key) {
      const end = until.get(key);
      if (end === undefined) return 0;
      const leftMs = end - nowMs();
      if (leftMs > 0) return leftMs;
      until.delete(key);
      return 0;
    },
    clear: () => until.clear(),
  };
}
