/** What a shell says of a command that Ctrl-C has ended. */
export const STOPPED = 130;

/** Longer than a server takes to end a session; one that does not answer must not hold the command. */
const GRACE_MS = 5_000;

interface StopSignal {
  signal: AbortSignal;
  /** The command is over: what comes now is for others. */
  forget(): void;
}

/** Fires at Ctrl-C and when a supervisor ends the command; whoever does so again ends it without more ado. */
export function createStopSignal(): StopSignal {
  const stopping = new AbortController();
  const forget = () => void process.off('SIGINT', stop).off('SIGTERM', stop);
  function stop(): void {
    forget();
    stopping.abort();
    setTimeout(() => process.exit(STOPPED), GRACE_MS).unref();
  }
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return { signal: stopping.signal, forget };
}
