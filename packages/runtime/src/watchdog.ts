export interface WatchdogOptions {
  intervalMs: number;
  stuckAfterMs: number;
  /** May reject: that means "cannot tell", and then nobody is called stuck. */
  isWorkWaiting: () => Promise<boolean>;
  /** A counter that only grows. */
  completed: () => number;
  onStuck: () => void;
}

/**
 * Calls `onStuck`, once, when work has been waiting and nothing was completed for `stuckAfterMs`. It counts
 * looks rather than time: a process that was frozen gets its chance to go on before it is judged.
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
