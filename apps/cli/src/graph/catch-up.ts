import { setTimeout as delay } from 'node:timers/promises';
import type { MirrorSource } from '@contour/contract';
import type { Mirror } from '@contour/graph';

const LOOK_MS = 500;
/** A server that has much to do may miss its time once or twice; one that is away is not waited for. */
const MAX_FAILURES = 5;

/**
 * Waits until the graph shows all that it lacked when this was called. A worker may be at it already;
 * where none is, the work is done here. Returns early, with false, when only rows are left that the
 * graph refuses.
 */
export async function catchUp(
  mirror: Mirror,
  source: Pick<MirrorSource, 'backlog'>,
  hasRefused: () => boolean,
  onProgress: (done: number, total: number) => void,
): Promise<boolean> {
  const startedAt = performance.now();
  const { rows: total } = await source.backlog();
  const look = async () => {
    const { rows, oldestSeconds } = await source.backlog();
    onProgress(Math.max(0, total - rows), total);
    // What came later waits for less long than this has taken: on a busy system there is always some.
    return rows === 0 || oldestSeconds < (performance.now() - startedAt) / 1000;
  };

  const looking = new AbortController();
  const showing = showUntil(looking.signal, look);
  try {
    for (let failures = 0; ; await delay(LOOK_MS)) {
      const ended = await mirror.drain().then(
        (drain) => drain.ended,
        (error) => {
          failures += 1;
          if (failures === MAX_FAILURES) throw error;
          return 'failed' as const;
        },
      );
      if (await look()) return true;
      if (ended === 'done' && hasRefused()) return false;
      if (ended !== 'failed') failures = 0;
    }
  } finally {
    looking.abort();
    await showing;
  }
}

/** One look after another, however long each takes. */
async function showUntil(signal: AbortSignal, look: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await look().catch(() => undefined);
    await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
