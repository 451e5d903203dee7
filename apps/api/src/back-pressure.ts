import { unavailable } from './problem-error.ts';

const LOOK_EVERY_MS = 1000;
const LOOK_AGAIN_MS = 200;
/** One look may be late because this process is, above all while it starts. */
const FAILED_LOOKS_MEAN_AWAY = 2;
const MEMORY_SHARE = 0.9;

export interface Backlog {
  waiting: number;
  delayed: number;
  active: number;
  memoryUsed: number;
  /** 0 where there is none. */
  memoryLimit: number;
}

function refusalOf(backlog: Backlog, maxBacklog: number): string | undefined {
  const { waiting, delayed, active, memoryUsed, memoryLimit } = backlog;
  if (waiting + delayed + active > maxBacklog) return 'The backlog is over its limit.';
  if (memoryLimit > 0 && memoryUsed > memoryLimit * MEMORY_SHARE)
    return 'Redis is short of memory.';
  return undefined;
}

export interface BackPressure {
  /** Throws while nothing may be accepted; asks nobody, so it costs nothing. */
  check(): void;
  close(): void;
}

/**
 * Looks once a second whether there is room, so that a request is refused before it is accepted, and
 * at once while Redis is known to be away. Until the first look everything may pass: a Redis that is
 * away refuses by itself.
 */
export function watchBackPressure(deps: {
  backlog: () => Promise<Backlog>;
  maxBacklog: number;
  onChange: (refusal: string | undefined, cause?: unknown) => void;
}): BackPressure {
  let refusal: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let failedLooks = 0;

  function tell(next: string | undefined, cause?: unknown): void {
    if (next !== refusal) deps.onChange(next, cause);
    refusal = next;
  }

  async function look(): Promise<void> {
    try {
      tell(refusalOf(await deps.backlog(), deps.maxBacklog));
      failedLooks = 0;
    } catch (error) {
      failedLooks += 1;
      if (failedLooks >= FAILED_LOOKS_MEAN_AWAY) tell('Redis is away.', error);
    }
    const nextMs = failedLooks > 0 ? LOOK_AGAIN_MS : LOOK_EVERY_MS;
    if (!isClosed) timer = setTimeout(() => void look(), nextMs).unref();
  }
  void look();

  return {
    check() {
      if (refusal !== undefined) throw unavailable(refusal);
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
