import { open, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { type ChildOptions, type SupervisedChild, superviseChild } from './supervise-child.ts';

const POLL_MS = 30;
const READY_TIMEOUT_MS = 60_000; // crash recovery of a large database takes its time
const FORMER_WAIT_MS = 12_000; // longer than the deadline of any server
const PROBE_TIMEOUT_MS = 2_000;
const LOG_LINES = 8;

export type ServerOptions = {
  /** Where the data stays; created if it is missing. */
  dataDir: string;
  /** A free one by default. */
  port?: number;
  /** More arguments for the server, or for its JVM. */
  flags?: readonly string[];
  /** The server's own output is appended to it. */
  logFile?: string;
  /** Called with one line before a step that takes long. */
  onProgress?: (line: string) => void;
};

export type CachedServerOptions = ServerOptions & {
  /** The directory of the downloaded program; may be shared. */
  cacheDir: string;
};

export type RunningServer = {
  /** Of the server itself. */
  pid: number;
  port: number;
  stop(): Promise<void>;
  /** Ends the server as a power cut would. */
  kill(): Promise<void>;
};

type ServerOrder = Omit<ChildOptions, 'output'> & {
  name: string;
  command: string;
  args: readonly string[];
  port: number;
  logFile: string;
  ready: () => Promise<boolean>;
};

/** Starts a server whose output goes to a log file, and resolves when it answers. */
export async function runServer(order: ServerOrder): Promise<RunningServer> {
  const { name, command, args, port, logFile, ready, ...options } = order;
  const { child, readLog } = await startLogged(logFile, command, args, options);
  if (!(await isUp(child, ready))) {
    await child.stop();
    throw new Error(`${name} did not start. End of its log:\n${await readLog()}`);
  }
  return {
    pid: child.pid,
    port,
    stop: () => child.stop(),
    async kill() {
      child.signal('SIGKILL');
      await child.exited;
    },
  };
}

async function isUp(child: SupervisedChild, ready: () => Promise<boolean>): Promise<boolean> {
  let ended = false;
  void child.exited.then(() => {
    ended = true;
  });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!ended && Date.now() < deadline) {
    if (await ready()) return true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}

/** Starts a child whose output is appended to a log file. `readLog` returns its last lines, for an error message. */
export async function startLogged(
  logFile: string,
  command: string,
  args: readonly string[],
  options: Omit<ChildOptions, 'output'>,
): Promise<{ child: SupervisedChild; readLog: () => Promise<string> }> {
  const log = await open(logFile, 'a', 0o600);
  try {
    const since = (await log.stat()).size;
    const child = await superviseChild(command, args, { ...options, output: log.fd });
    const readLog = async () => {
      const text = await readFile(logFile).catch(() => Buffer.alloc(0));
      return text.subarray(since).toString().trim().split('\n').slice(-LOG_LINES).join('\n');
    };
    return { child, readLog };
  } finally {
    await log.close();
  }
}

/**
 * Waits until the last server on a data directory is gone: after a kill -9 its guardian may still be ending it. Removes a
 * pid file that names a process of another program.
 */
export async function waitForFormerServer(dataDir: string, pidFile: string): Promise<void> {
  const deadline = Date.now() + FORMER_WAIT_MS;
  for (;;) {
    const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
    if (!(pid > 0) || !isAlive(pid)) return;
    if (!(await worksIn(pid, dataDir))) return rm(pidFile, { force: true });
    if (Date.now() > deadline) {
      throw new Error(`another server (process ${pid}) is running on ${dataDir}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

// Every server works in its data directory. After a restart of a container or a machine, the number in the file probably
// belongs to another process.
async function worksIn(pid: number, dataDir: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
  return cwd === (await realpath(dataDir));
}

/** True once Postgres asks for a password or a query. While it starts up it answers with an error. */
export async function postgresAnswers(port: number): Promise<boolean> {
  const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(196608, 4); // protocol 3.0
  return (await exchange(port, Buffer.concat([head, parameters])))?.at(0) === 'R'.charCodeAt(0);
}

/** True once Redis answers PING. While it loads its data it answers with an error. */
export async function redisAnswers(port: number): Promise<boolean> {
  return (await exchange(port, Buffer.from('PING\r\n')))?.toString().startsWith('+PONG') ?? false;
}

/** True once Neo4j agrees to Bolt 5, which it does when its database is available. */
export async function neo4jAnswers(port: number): Promise<boolean> {
  const preamble = [0x60, 0x60, 0xb0, 0x17];
  const anyOf5 = [0, 4, 4, 5]; // 5.4 down to 5.0
  const nothingElse = Array<number>(12).fill(0);
  const handshake = Buffer.from([...preamble, ...anyOf5, ...nothingElse]);
  return (await exchange(port, handshake))?.at(3) === 5;
}

function exchange(port: number, question: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: PROBE_TIMEOUT_MS });
    const finish = (answer?: Buffer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => socket.write(question));
    socket.once('data', finish);
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => finish());
  });
}
