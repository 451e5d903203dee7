import { type Closer, closeInReverse } from './close-in-reverse.ts';
import type { Logger } from './logger.ts';

/** A Ctrl-C reaches the whole group, and a parent may pass it on besides: that is one signal, not two. */
const SAME_SIGNAL_MS = 300;

export interface ShutdownOptions {
  timeoutMs: number;
  logger: Pick<Logger, 'info' | 'error' | 'fatal'>;
  exit?: (code: number) => void;
}

export interface Shutdown {
  /** Closers run in reverse order; `signal` fires when there is little time left. */
  add(name: string, close: Closer['close']): void;
  /** Listens to the process; the function returned takes the listeners off again. */
  install(): () => void;
  /** Closes everything and exits; a second call joins the first, the higher code counts. */
  stop(reason: string, code?: number): Promise<void>;
}

/**
 * The end of a process, bounded by `timeoutMs`.
 *
 *   80 %  the closers' signal fires: give up what is under way
 *   88 %  a closer that has not ended is left behind, and the next ones run
 *   95 %  exit, with the names of those that did not close in the log; the rest is for a busy event loop
 *
 * A signal ends with 0 even then: what was not finished is in Postgres and will be taken up. An error that
 * nobody caught ends with 1.
 */
export function createShutdown({
  timeoutMs,
  logger,
  exit = process.exit,
}: ShutdownOptions): Shutdown {
  const closers: Closer[] = [];
  let stopping: Promise<void> | undefined;
  let exitCode = 0;
  let signalledAt: number | undefined;

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
    add: (name, close) => void closers.push({ name, close }),
    install() {
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
