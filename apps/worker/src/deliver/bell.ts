/** Something to wait on that may ring at any time. A ring before the wait is not lost. */
export interface Bell {
  ring(): void;
  /** How often it has rung so far. */
  rings(): number;
  /** Forgets earlier rings. Clear before looking, so that what comes during the look rings again. */
  clear(): void;
  isRung(): boolean;
  /** Wakes who waits, or who waits next, for another reason than a ring. */
  nudge(): void;
  /** Resolves at the next ring or nudge, or after the time. */
  wait(timeoutMs: number): Promise<void>;
}

export function createBell(): Bell {
  let rings = 0;
  let rung = false;
  let isNudged = false;
  let wakeWaiter: (() => void) | undefined;
  return {
    ring() {
      rings += 1;
      rung = true;
      wakeWaiter?.();
    },
    rings: () => rings,
    clear() {
      rung = false;
    },
    isRung: () => rung,
    nudge() {
      isNudged = true;
      wakeWaiter?.();
    },
    wait(timeoutMs) {
      if (rung || isNudged) {
        isNudged = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer);
          wakeWaiter = undefined;
          isNudged = false;
          resolve();
        };
        const timer = setTimeout(finish, timeoutMs);
        wakeWaiter = finish;
      });
    },
  };
}
