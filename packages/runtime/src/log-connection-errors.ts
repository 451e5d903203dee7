import type { Logger } from './logger.ts';

const QUIET_MS = 10_000;

/**
 * Logs what connections report: in an outage each of them says the same several times a second, so
 * the same text is logged once in ten seconds, with how often it came meanwhile.
 */
export function logConnectionErrors(
  logger: Pick<Logger, 'warn'>,
  event: string,
  nowMs = () => performance.now(),
): (error: Error) => void {
  const seen = new Map<string, { atMs: number; unsaid: number }>();
  return (err) => {
    const last = seen.get(err.message);
    const now = nowMs();
    if (last !== undefined && now - last.atMs < QUIET_MS) {
      last.unsaid += 1;
      return;
    }
    // Texts may hold ports and names without end: what is remembered must not grow with them.
    if (seen.size > 100) seen.clear();
    seen.set(err.message, { atMs: now, unsaid: 0 });
    logger.warn({ err, repeated: last?.unsaid ?? 0 }, event);
  };
}
