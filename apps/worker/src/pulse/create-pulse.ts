import type { Logger } from '@contour/runtime';

const BEAT_MS = 1_000;

export interface Duty {
  name: string;
  /** Runs at every `every`-th beat; a run that is still going is not started twice. */
  every: number;
  run: () => Promise<void>;
}

export interface Pulse {
  stop(): void;
}

/**
 * The safety net: once a second it does again what events should have done already. One duty that
 * fails, or hangs on a server that is away, does not keep the others from their beat.
 */
export function startPulse(duties: readonly Duty[], logger: Logger): Pulse {
  const running = new Set<string>();
  let beat = 0;

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
    for (const duty of duties) if (beat % duty.every === 0) void perform(duty);
    beat += 1;
  };
  tick();
  const timer = setInterval(tick, BEAT_MS);
  return { stop: () => clearInterval(timer) };
}
