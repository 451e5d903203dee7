import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const GUARDIAN = fileURLToPath(new URL('../guardian.mjs', import.meta.url));

type ChildExit = { code: number | null; signal: NodeJS.Signals | null };

export type ChildOptions = {
  cwd?: string;
  /** The starter's environment by default. */
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  /** Written to the child's standard input, which is closed otherwise. */
  input?: string | undefined;
  /** The signal that asks the child to end. */
  endSignal?: NodeJS.Signals;
  /** The child is killed if it takes longer to end, also after the starter has gone. */
  deadlineMs?: number;
  /** The destination of stdout and stderr: the starter's, a file descriptor, or a function for each line. */
  output?: 'inherit' | 'ignore' | number | ((line: string) => void);
};

export type SupervisedChild = {
  pid: number;
  exited: Promise<ChildExit>;
  /** Asks the child to end, kills it at the deadline, and resolves when it has ended. */
  stop(deadlineMs?: number): Promise<void>;
  /** Sends a signal to the child and its own children. */
  signal(name: NodeJS.Signals): void;
};

/** Starts a child that never outlives this process, however this process ends. */
export async function superviseChild(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<SupervisedChild> {
  const { output = 'inherit', endSignal = 'SIGTERM', deadlineMs = 5_000, ...rest } = options;
  const sink = typeof output === 'function' ? 'pipe' : output;
  const guardian = spawn(process.execPath, [GUARDIAN], {
    detached: true,
    stdio: ['ignore', sink, sink, 'ipc'],
  });
  if (typeof output === 'function') {
    for (const stream of [guardian.stdout, guardian.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', output);
    }
  }
  const { started, exited } = follow(guardian, endSignal);
  guardian.send({ start: { command, args, endSignal, deadlineMs, ...rest } }, () => {});
  const pid = await started;
  const tell = (message: object) => {
    if (guardian.connected) guardian.send(message, () => {});
  };
  return {
    pid,
    exited,
    async stop(stopDeadlineMs = deadlineMs) {
      tell({ deadlineMs: stopDeadlineMs });
      await exited;
    },
    signal: (name) => tell({ signal: name }),
  };
}

// Resolves after the guardian has ended and its channel is drained: the exit event may come first.
function follow(guardian: ChildProcess, endSignal: NodeJS.Signals) {
  let pid: number | undefined;
  let outcome: ChildExit | undefined;
  const ended = Promise.all([once(guardian, 'exit'), once(guardian, 'disconnect')]);
  const started = new Promise<number>((resolve, reject) => {
    guardian.on('message', (message: { pid?: number; failed?: string } & Partial<ChildExit>) => {
      if (message.pid !== undefined) {
        pid = message.pid;
        resolve(pid);
      } else if (message.failed !== undefined) reject(new Error(message.failed));
      else outcome = { code: message.code ?? null, signal: message.signal ?? null };
    });
    guardian.on('error', reject);
    ended.then(() => reject(new Error('the child ended before it had started')), reject);
  });
  const exited = ended.then(async (): Promise<ChildExit> => {
    // Without an outcome the guardian was killed, and the child may still run.
    if (!outcome && pid !== undefined) await endGroup(pid, endSignal);
    return outcome ?? { code: null, signal: 'SIGKILL' };
  });
  exited.catch(() => {}); // a guardian that cannot be spawned has rejected `started`
  return { started, exited };
}

async function endGroup(pid: number, endSignal: NodeJS.Signals): Promise<void> {
  const deadline = Date.now() + 3_000;
  signalGroup(pid, endSignal);
  while (signalGroup(pid, Date.now() > deadline ? 'SIGKILL' : 0)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function signalGroup(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, name);
  } catch {
    return false;
  }
}
