import { AppError } from '@contour/contract';

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 1_000;

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

/** Waits for this long, or until the signal fires. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish);
  });
}

/**
 * Repeats work while a server is away. Meanwhile the work stays in hand: nothing fails, and nothing new is taken. Gives
 * up when the process is to stop.
 */
export async function untilItWorks<T>(
  work: () => Promise<T>,
  { stopping, onFailure }: { stopping: AbortSignal; onFailure: (error: AppError) => void },
): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isAway(error) || stopping.aborted) throw error;
      onFailure(error as AppError);
      await pause(waitMs, stopping);
    }
  }
}
