import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { waitFor, within } from './wait-for.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = { api: 'apps/api/dist/main.js', worker: 'apps/worker/dist/main.js' };
/** Long, because several processes may start while other tests keep the machine busy. */
const START_MS = 60_000;
/** More than any test writes. Beyond it a search of the output would prove nothing. */
const MAX_OUTPUT = 64 * 1024 * 1024;
/** How much of an output is kept where `onOutput` gets all of it. */
const TAIL = 4_000;

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface BuiltProcess {
  name: keyof typeof MAIN;
  pid: number;
  port: number;
  url: string;
  /** What it wrote to stdout and stderr so far. With `onOutput`, only the last part. */
  output(): string;
  ended(): Ended | undefined;
  /** It has ended, and no test has stopped or killed it. */
  endedByItself(): boolean;
  /** Resolves when the process has ended, for any reason. */
  end: Promise<Ended>;
  /** Waits until its readiness page answers 200. */
  ready(): Promise<void>;
  /** Sends a signal. After SIGKILL it waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Stops it as a supervisor does. Throws unless it ends with 0 in time. */
  stop(): Promise<void>;
}

const alive = new Map<number, ChildProcess>();

// A test run that ends early must not leave processes behind.
process.once('exit', () => void endAll());

/** Kills all processes that still run, and returns their command lines. */
export function endAll(): string[] {
  const left = [...alive.values()];
  for (const child of left) child.kill('SIGKILL');
  return left.map((child) => child.spawnargs.slice(1).join(' '));
}

export interface BuiltOptions {
  /** Gets the output as it comes. Then only its last part is kept. */
  onOutput?: ((text: string) => void) | undefined;
  /** The checkout of the program. Default: this one. */
  root?: string | undefined;
}

/** Runs one of the built programs with exactly the given environment. */
export function runBuilt(
  name: keyof typeof MAIN,
  port: number,
  env: Record<string, string>,
  { onOutput, root = ROOT }: BuiltOptions = {},
): BuiltProcess {
  const child = spawn(process.execPath, [MAIN[name]], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${MAIN[name]}`);
  alive.set(pid, child);

  const output = onOutput === undefined ? collect(child) : handOn(child, onOutput);
  let ended: Ended | undefined;
  let endIsWanted = false;
  const end = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      alive.delete(pid);
      ended = { code, signal };
      resolve(ended);
    });
  });
  const url = `http://127.0.0.1:${port}`;
  const readyUrl = `${url}${name === 'api' ? '/readyz' : '/livez'}`;
  const tail = () => output().slice(-2000);

  return {
    name,
    pid,
    port,
    url,
    output,
    ended: () => ended,
    endedByItself: () => ended !== undefined && !endIsWanted,
    end,
    async ready() {
      const look = async () => {
        if (ended) return 'ended';
        const response = await fetch(readyUrl, { signal: AbortSignal.timeout(2000) });
        await response.arrayBuffer();
        return response.status === 200 && 'ready';
      };
      const seen = await waitFor(`${name} at ${readyUrl}`, look, { deadlineMs: START_MS }).catch(
        (error: unknown) => {
          throw new Error(`${name} does not become ready:\n${tail()}`, { cause: error });
        },
      );
      if (seen === 'ended') throw new Error(`${name} ended at its start:\n${tail()}`);
    },
    async kill(signal = 'SIGKILL') {
      endIsWanted = true;
      child.kill(signal);
      if (signal === 'SIGKILL') await end;
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      if (ended && !endIsWanted) {
        throw new Error(`${name} ended by itself with ${ended.code ?? ended.signal}:\n${tail()}`);
      }
      if (ended) return;
      endIsWanted = true;
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const deadlineMs = Number(env.SHUTDOWN_MS ?? 10_000) + 2000;
      try {
        const { code, signal } = await within(`${name} after SIGTERM`, deadlineMs, end);
        if (code !== 0) throw new Error(`${name} ended with ${code ?? signal} after SIGTERM`);
      } catch (error) {
        child.kill('SIGKILL');
        await end;
        throw new Error(`${name} does not stop cleanly:\n${tail()}`, { cause: error });
      }
    },
  };
}

function collect(child: ChildProcess): () => string {
  const chunks: string[] = [];
  let length = 0;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      length += chunk.length;
      if (length <= MAX_OUTPUT) chunks.push(chunk);
    });
  }
  return () => {
    if (length > MAX_OUTPUT) throw new Error('a process wrote more than a test can keep');
    return chunks.join('');
  };
}

function handOn(child: ChildProcess, onOutput: (text: string) => void): () => string {
  let last = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      last = (last + chunk).slice(-TAIL);
      onOutput(chunk);
    });
  }
  return () => last;
}

/** The log lines of an event that these processes have written so far. */
export const logged = <Line>(processes: readonly BuiltProcess[], event: string): Line[] =>
  processes
    .flatMap((one) => one.output().split('\n'))
    .filter((line) => line.includes(event))
    .map((line) => JSON.parse(line));
