import { setTimeout as delay } from 'node:timers/promises';
import { superviseChild } from '@contour/local';
import { readableLine } from './readable-line.ts';

// Restarts after 1, 2, 4, 8, then every 15 s. After a run of a minute, the next restart is quick again.
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
const STEADY_MS = 60_000;
/** More than the default of SHUTDOWN_MS, which a drain may take. */
const STOP_MS = 11_000;
/** When this process is killed, its children do not drain. Their unfinished work is in Postgres. */
const ORPHAN_MS = 2_000;

export interface KeptProcess {
  name: string;
  script: string;
  env: NodeJS.ProcessEnv;
  /** Gets each line of its log, made readable, and what happens to it. */
  say: (line: string) => void;
}

/** Runs a script of Node, and restarts it whenever it ends by itself. */
export async function keepRunning({ name, script, env, say }: KeptProcess) {
  const abort = new AbortController();
  const output = (line: string) => say(readableLine(name, line));
  const options = { env, output, deadlineMs: ORPHAN_MS };
  const run = () => superviseChild(process.execPath, [script], options);
  let child = await run();
  const firstEnd = child.exited.then(({ code, signal }) => `${name} ended (${signal ?? code})`);

  async function watch(): Promise<void> {
    let waitMs = FIRST_WAIT_MS;
    for (;;) {
      const startedAt = performance.now();
      const { code, signal } = await child.exited;
      if (abort.signal.aborted) return;
      if (performance.now() - startedAt > STEADY_MS) waitMs = FIRST_WAIT_MS;
      say(`${name} ended (${signal ?? code}); restart in ${waitMs / 1000} s`);
      await delay(waitMs, undefined, { signal: abort.signal }).catch(() => undefined);
      if (abort.signal.aborted) return;
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
      child = await run();
      if (abort.signal.aborted) await child.stop(ORPHAN_MS); // stopped while it was starting
    }
  }
  const watching = watch();

  return {
    /** Resolves when the first run has ended, which `waitUntilReady` needs to know. */
    firstEnd,
    async stop(): Promise<void> {
      abort.abort();
      await child.stop(STOP_MS);
      await watching;
    },
  };
}

const POLL_MS = 100;
const READY_TIMEOUT_MS = 30_000;

/** Resolves when a page answers 200. Rejects when its process ends before that, or after 30 s. */
export async function waitUntilReady(
  name: string,
  url: string,
  firstEnd: Promise<string>,
): Promise<void> {
  let ended: string | undefined;
  void firstEnd.then((how) => {
    ended = how;
  });
  let last = 'no answer';
  for (const deadline = Date.now() + READY_TIMEOUT_MS; Date.now() < deadline; ) {
    if (ended) throw new Error(`${ended} before it was ready; its output is above`);
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      last = `${response.status} ${await response.text()}`;
      if (response.status === 200) return;
    } catch {
      // not listening yet
    }
    await delay(POLL_MS);
  }
  throw new Error(`${name} is not ready after ${READY_TIMEOUT_MS / 1000} s: ${last}`);
}
