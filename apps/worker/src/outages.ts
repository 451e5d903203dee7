import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@contour/contract';

const WAIT = { firstMs: 50, longestMs: 1_000 };

/** Whether a server is away. Such an error is not about the work, so a caller may wait and repeat it. */
export const isAway = (error: unknown): boolean =>
  error instanceof AppError &&
  (error.code === 'postgres_unavailable' ||
    error.code === 'redis_unavailable' ||
    error.code === 'neo4j_unavailable');

/**
 * Whether a message failed for a reason of its own. Only such failures count towards giving it up: an absent server and
 * a wait for another message do not.
 */
export const failedByItself = (error: unknown): boolean =>
  !isAway(error) && !(error instanceof AppError && error.code === 'not_tried');

/** How long to wait after this many failures: twice as long after each, up to the longest. */
export const backoff = (
  failures: number,
  { firstMs, longestMs }: { firstMs: number; longestMs: number },
): number => Math.min(firstMs * 2 ** (failures - 1), longestMs);

/** Waits for this long, or until the signal fires. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => undefined);

/**
 * Repeats work while a server is away. Meanwhile the work stays in hand: nothing fails, and nothing new is taken. Gives
 * up when the process is to stop.
 */
export async function untilItWorks<T>(
  work: () => Promise<T>,
  { stopping, onFailure }: { stopping: AbortSignal; onFailure: (error: AppError) => void },
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isAway(error) || stopping.aborted) throw error;
      onFailure(error as AppError);
      await pause(backoff(failures, WAIT), stopping);
    }
  }
}
