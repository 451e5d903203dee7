import { createBatcher } from '@contour/runtime';

const BATCH_SIZE = 500;

/** Gathers items and writes many at once, up to `withinMs` later. The caller does not wait for the write. */
export function writeLater(
  write: (items: readonly string[]) => Promise<void>,
  { withinMs = 0, onFailure }: { withinMs?: number; onFailure: (error: unknown) => void },
): (item: string) => void {
  const batcher = createBatcher<string, void>({
    maxSize: BATCH_SIZE,
    maxInFlight: 1,
    run: async (items) => {
      await write(items);
      return items.map(() => undefined);
    },
  });
  return (item) => void batcher.push(item, withinMs).catch(onFailure);
}

/** Makes one call, `waitMs` after the first of several. A pending call does not keep the process alive. */
export function debounced(waitMs: number, call: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    const fire = () => {
      isDue = false;
      call();
    };
    setTimeout(fire, waitMs).unref();
  };
}
