const TICK_MS = 1_000;

/** Work that a process repeats. */
export interface Duty {
  name: string;
  /** Seconds between the starts of two runs. A run that is still going is not started twice. */
  every: number;
  run: () => Promise<void>;
}

/**
 * Runs each duty at once and then every so many seconds. A duty that fails, or hangs because a server is away, does not
 * delay the others.
 */
export function startScheduler(
  duties: readonly Duty[],
  logger: { warn(fields: object, event: string): void },
): { stop(): void } {
  const running = new Set<string>();
  let ticks = 0;

  const perform = async (duty: Duty): Promise<void> => {
    if (running.has(duty.name)) return;
    running.add(duty.name);
    try {
      await duty.run();
    } catch (err) {
      logger.warn({ err, duty: duty.name }, 'pulse.failed');
    } finally {
      running.delete(duty.name);
    }
  };

  const tick = () => {
    for (const duty of duties) if (ticks % duty.every === 0) void perform(duty);
    ticks += 1;
  };
  tick();
  const timer = setInterval(tick, TICK_MS);
  return { stop: () => clearInterval(timer) };
}
