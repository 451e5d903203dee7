import { AppError } from '@contour/contract';
import type { Mirror } from '@contour/graph';
import type { Logger } from '@contour/runtime';

const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 5_000;

/**
 * Brings the graph up to date when it is woken. While Neo4j or Postgres is away it rests for a little
 * longer after each try, says so once, and says when it is back: nobody waits for it.
 */
export function createMirrorRun(
  mirror: Mirror,
  logger: Pick<Logger, 'info' | 'warn' | 'error' | 'debug'>,
  nowMs: () => number = () => performance.now(),
): (signal: AbortSignal) => Promise<void> {
  let restMs = 0;
  let notBefore = 0;

  const rest = (err: AppError) => {
    if (err.code === 'unexpected') logger.error({ err }, 'graph.failed');
    else if (restMs === 0) logger.warn({ err }, 'graph.away');
    restMs = Math.min(Math.max(restMs * 2, FIRST_REST_MS), LONGEST_REST_MS);
    notBefore = nowMs() + restMs;
  };

  return async (signal) => {
    if (nowMs() < notBefore) return;
    const startedAt = nowMs();
    try {
      const { rows, ended } = await mirror.drain(signal);
      if (restMs > 0) logger.info('graph.back');
      restMs = 0;
      logger.debug({ rows, ended, ms: nowMs() - startedAt }, 'graph.drained');
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      rest(error);
    }
  };
}
