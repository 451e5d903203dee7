/** Fires once at Ctrl-C, at SIGTERM, or by `stop`. After that, or after `forget`, these end the process at once. */
export function createStopSignal(): { signal: AbortSignal; stop(): void; forget(): void } {
  const stopping = new AbortController();
  const forget = () => void process.off('SIGINT', stop).off('SIGTERM', stop);
  function stop(): void {
    forget();
    stopping.abort();
  }
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return { signal: stopping.signal, stop, forget };
}
