/** The requests that wait for an outcome, so that a hang-up or the end of the process can end them. */
export function createOpenWaits() {
  const cancels = new Set<() => void>();
  return {
    open(): { cancelled: Promise<void>; cancel: () => void; close: () => void } {
      let cancel = () => {};
      const cancelled = new Promise<void>((resolve) => {
        cancel = resolve;
      });
      cancels.add(cancel);
      return { cancelled, cancel, close: () => void cancels.delete(cancel) };
    },
    cancelAll(): void {
      for (const cancel of cancels) cancel();
    },
    get size() {
      return cancels.size;
    },
  };
}

export type OpenWaits = ReturnType<typeof createOpenWaits>;
