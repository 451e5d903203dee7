import type { Logger } from './logger.ts';

/** A Ctrl-C reaches the whole process group, and a parent may pass it on as well: together they are one signal. */
const SAME_SIGNAL_MS = 300;

// Parts of `timeoutMs`; createShutdown explains them.
const ABORT_AT = 0.8;
const HURRY_AT = 0.88;
const LEAVE_AT = 0.95;

interface Closer {
  name: string;
  close: (signal: AbortSignal) => Promise<void> | void;
}

interface ShutdownOptions {
  timeoutMs: number;
  logger: Pick<Logger, 'info' | 'error' | 'fatal'>;
  exit?: (code: number) => void;
}

export type Shutdown = ReturnType<typeof createShutdown>;

/**
 * The end of a process, bounded by `timeoutMs`.
 *
 *   80 %  the closers' signal fires: they cut the work that is under way
 *   88 %  the next closers run without waiting for the one that has not ended
 *   95 %  exit; the log names the closers that have not ended. The rest is for a busy event loop.
 *
 * A signal exits with 0 even then, because unfinished work is in Postgres and another process resumes it. An uncaught
 * error exits with 1.
 */
export function createShutdown({ timeoutMs, logger, exit = process.exit }: ShutdownOptions) {
  const closers: Closer[] = [];
  let stopping: Promise<void> | undefined;
  let exitCode = 0;
  let signalledAt: number | undefined;

  /** Closes everything and exits. A second call waits for the first; the higher code counts. */
  function stop(reason: string, code = 0): Promise<void> {
    exitCode = Math.max(exitCode, code);
    stopping ??= closeAndExit(reason);
    return stopping;
  }

  async function closeAndExit(reason: string): Promise<void> {
    const startedAt = performance.now();
    logger.info({ reason }, 'process.stopping');
    const unclosed = await closeInReverse(closers, timeoutMs, (name, err) => {
      logger.error({ closer: name, err }, 'process.close_failed');
    });
    const ms = Math.round(performance.now() - startedAt);
    if (unclosed.length > 0) logger.error({ reason, ms, unclosed }, 'process.stopped_unclosed');
    else logger.info({ reason, ms }, 'process.stopped');
    exit(exitCode);
  }

  function onSignal(signal: NodeJS.Signals): void {
    const now = performance.now();
    if (signalledAt === undefined) {
      signalledAt = now;
      void stop(signal);
    } else if (now - signalledAt > SAME_SIGNAL_MS) {
      exit(1);
    }
  }

  const onUncaught = (err: unknown) => crash('uncaughtException', err);
  const onUnhandled = (err: unknown) => crash('unhandledRejection', err);
  function crash(reason: string, err: unknown): void {
    logger.fatal({ err, reason }, 'process.crashed');
    void stop(reason, 1);
  }

  return {
    /** Closers run in reverse order. Their `signal` fires when little time is left. */
    add(name: string, close: Closer['close']): void {
      closers.push({ name, close });
    },
    /** Listens to the process. The returned function removes the listeners. */
    install(): () => void {
      process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
      process.on('uncaughtException', onUncaught).on('unhandledRejection', onUnhandled);
      return () => {
        process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
        process.off('uncaughtException', onUncaught).off('unhandledRejection', onUnhandled);
      };
    },
    stop,
  };
}

/**
 * Takes the closers off the list, last first, each after the one before has ended or time is short. Returns the names of
 * those that had not ended in time. A closer that is added meanwhile is closed as well.
 */
async function closeInReverse(
  closers: Closer[],
  timeoutMs: number,
  onError: (name: string, error: unknown) => void,
): Promise<string[]> {
  const abort = new AbortController();
  const abortTimer = setTimeout(() => abort.abort(), timeoutMs * ABORT_AT);
  const hurry = after(timeoutMs * HURRY_AT);
  const leave = after(timeoutMs * LEAVE_AT);
  const open = new Set<Closer>();

  async function run(closer: Closer): Promise<void> {
    open.add(closer);
    try {
      await closer.close(abort.signal);
    } catch (error) {
      onError(closer.name, error);
    }
    open.delete(closer);
  }

  const runs: Promise<void>[] = [];
  for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) {
    const ended = run(closer);
    runs.push(ended);
    await Promise.race([ended, hurry.passed]);
  }
  await Promise.race([Promise.all(runs), leave.passed]);
  for (const timer of [abortTimer, hurry.timer, leave.timer]) clearTimeout(timer);
  return [...open].map(({ name }) => name);
}

/** The timer keeps the process alive until all closers have ended, also while no handle is open. */
function after(ms: number) {
  let pass = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { passed, timer: setTimeout(pass, ms) };
}
