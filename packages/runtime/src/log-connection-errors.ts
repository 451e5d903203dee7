import type { Logger } from './logger.ts';

const QUIET_MS = 10_000;

/**
 * Logs errors of connections. During an outage each connection reports the same error several times a second, so the
 * same text is logged once in ten seconds, with the number of repeats since.
 */
export function logConnectionErrors(
  logger: Pick<Logger, 'warn'>,
  event: string,
  nowMs = () => performance.now(),
): (error: Error) => void {
  const seen = new Map<string, { atMs: number; repeated: number }>();
  return (err) => {
    const last = seen.get(err.message);
    const now = nowMs();
    if (last !== undefined && now - last.atMs < QUIET_MS) {
      last.repeated += 1;
      return;
    }
    // Texts may contain ever new ports and names, so the map is bounded.
    if (seen.size > 100) seen.clear();
    seen.set(err.message, { atMs: now, repeated: 0 });
    logger.warn({ err, repeated: last?.repeated ?? 0 }, event);
  };
}
