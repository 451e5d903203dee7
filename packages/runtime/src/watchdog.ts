interface WatchdogOptions {
  intervalMs: number;
  stuckAfterMs: number;
  /** A rejection means that it is not known; then no worker counts as stuck. */
  isWorkWaiting: () => Promise<boolean>;
  /** A counter that only grows. */
  completed: () => number;
  onStuck: () => void;
}

/**
 * Calls `onStuck` once if work has been waiting and none was completed for `stuckAfterMs`. It counts looks and not time,
 * so that a process that was frozen can first continue its work.
 */
export function createWatchdog(options: WatchdogOptions): { stop(): void } {
  const { intervalMs, stuckAfterMs, isWorkWaiting, completed, onStuck } = options;
  const enoughLooks = Math.ceil(stuckAfterMs / intervalMs);
  // Looks in a row that found work waiting at the same count: n of them span n - 1 intervals.
  let looks = 0;
  let lastCompleted = completed();
  let looking = false;
  let stopped = false;

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    const waiting = await isWorkWaiting().catch(() => false);
    looking = false;
    const moved = completed() !== lastCompleted;
    lastCompleted = completed();
    looks = waiting ? (moved ? 1 : looks + 1) : 0;
    if (looks <= enoughLooks || stopped) return;
    stop();
    onStuck();
  }

  const timer = setInterval(() => void look(), intervalMs).unref();
  function stop(): void {
    stopped = true;
    clearInterval(timer);
  }
  return { stop };
}
