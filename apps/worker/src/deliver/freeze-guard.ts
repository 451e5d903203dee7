/**
 * Notices that this process stood still for longer than others wait for it. Its shards have then
 * been given to another worker: whatever it still had in hand, it must not go on with.
 */
export interface FreezeGuard {
  wasFrozen(): boolean;
  stop(): void;
}

export function createFreezeGuard(
  longestMs: number,
  now: () => number = () => performance.now(),
): FreezeGuard {
  let lastSeen = now();
  let frozen = false;
  // Asked as well as ticking: after a thaw an answer from the network may come before the timer.
  const look = () => {
    const seen = now();
    frozen ||= seen - lastSeen > longestMs;
    lastSeen = seen;
  };
  const timer = setInterval(look, Math.min(500, longestMs / 4));
  timer.unref();
  return {
    wasFrozen() {
      look();
      return frozen;
    },
    stop: () => clearInterval(timer),
  };
}
