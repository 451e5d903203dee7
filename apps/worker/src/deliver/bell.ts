/** Something to wait on that may ring at any time. A ring before the wait is not lost. */
export interface Bell {
  ring(): void;
  /** Forgets earlier rings. Clear before looking, so that what comes during the look rings again. */
  clear(): void;
  isRung(): boolean;
  /** Resolves at the next ring, or after the time. */
  wait(timeoutMs: number): Promise<void>;
}

export function createBell(): Bell {
  let rung = false;
  let wakeWaiter: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wakeWaiter?.();
    },
    clear() {
      rung = false;
    },
    isRung: () => rung,
    wait(timeoutMs) {
      if (rung) return Promise.resolve();
      return new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer);
          wakeWaiter = undefined;
          resolve();
        };
        const timer = setTimeout(finish, timeoutMs);
        wakeWaiter = finish;
      });
    },
  };
}
