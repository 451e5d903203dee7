import { type SupervisedChild, superviseChild } from '@contour/local';

// Restarts after 1, 2, 4, 8, then every 15 s; a run of a minute makes the next one quick again.
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
const STEADY_MS = 60_000;
/** More than SHUTDOWN_MS is by default: a drain may take that long. */
const STOP_MS = 11_000;
/** When this process is killed nobody waits for a drain: what is not done is in Postgres. */
const ORPHAN_MS = 2_000;

export type KeptProcess = {
  name: string;
  script: string;
  env: NodeJS.ProcessEnv;
  onLine: (line: string) => void;
  say: (line: string) => void;
};

export type Keeper = {
  /** Resolves when the first run has ended, for whoever waits for it to become ready. */
  firstEnd: Promise<string>;
  stop(): Promise<void>;
};

/** Runs a script of Node and starts it again whenever it ends by itself. */
export async function keepRunning(what: KeptProcess): Promise<Keeper> {
  const { name, say } = what;
  const abort = new AbortController();
  let child = await run(what);
  const firstEnd = child.exited.then(({ code, signal }) => `${name} ended (${signal ?? code})`);

  async function watch(): Promise<void> {
    let waitMs = FIRST_WAIT_MS;
    for (;;) {
      const startedAt = performance.now();
      const { code, signal } = await child.exited;
      if (abort.signal.aborted) return;
      if (performance.now() - startedAt > STEADY_MS) waitMs = FIRST_WAIT_MS;
      say(`${name} ended (${signal ?? code}); started again in ${waitMs / 1000} s`);
      await pause(waitMs, abort.signal);
      if (abort.signal.aborted) return;
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
      child = await run(what);
      if (abort.signal.aborted) await child.stop(ORPHAN_MS); // stopped while it was starting
    }
  }
  const watching = watch();

  return {
    firstEnd,
    async stop() {
      abort.abort();
      await child.stop(STOP_MS);
      await watching;
    },
  };
}

function run({ script, env, onLine }: KeptProcess): Promise<SupervisedChild> {
  const options = { env, output: onLine, deadlineMs: ORPHAN_MS };
  return superviseChild(process.execPath, [script], options);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
