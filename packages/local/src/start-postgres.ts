import { resolve } from 'node:path';
import { unprivilegedAccount } from './account.ts';
import { waitForFormerServer } from './former-server.ts';
import { freePort } from './free-port.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { makePostgresData, postgresPassword, reachableDataDir } from './postgres-data.ts';
import { postgresAnswers } from './probe.ts';
import { runServer } from './run-server.ts';

const STOP_MS = 8_000;
// After a kill -9, server processes may hold the old shared memory for a moment longer.
const LEFTOVER_ATTEMPTS = 20;
const LEFTOVER_WAIT_MS = 250;

export type PostgresOptions = {
  /** Where the data stays; made when it is not there. */
  dataDir: string;
  /** A free one by default. */
  port?: number;
  /** Made together with the data. */
  database?: string;
  /** More arguments for the server: `['-c', 'fsync=off']`. */
  flags?: readonly string[];
  /** Where the server's own output is appended. */
  logFile?: string;
  /** Hears what takes long, one line at a time. */
  onProgress?: (line: string) => void;
};

export type LocalPostgres = {
  url: string;
  pid: number;
  port: number;
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
};

/** Starts a Postgres on the loopback interface, as an unprivileged user when the starter is root. */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const { database = 'contour', flags = [], onProgress = () => {} } = options;
  const asked = resolve(options.dataDir);
  const logFile = options.logFile ?? `${asked}.log`;
  const account = await unprivilegedAccount(asked);
  const binaries = await postgresBinaries(account, onProgress);
  const dataDir = await reachableDataDir(asked, account, onProgress);
  await waitForFormerServer(dataDir, `${dataDir}/postmaster.pid`);
  await makePostgresData(dataDir, database, binaries, account, logFile);
  const port = options.port ?? (await freePort());
  const child = await untilLeftoversAreGone(() =>
    runServer({
      name: 'Postgres',
      command: binaries.postgres,
      args: [
        ...['-D', dataDir, '-p', String(port), '-c', 'listen_addresses=127.0.0.1'],
        ...['-c', 'unix_socket_directories=', '-c', 'max_connections=200', ...flags],
      ],
      cwd: '/',
      ...account,
      endSignal: 'SIGINT', // "fast": cuts sessions off, ends cleanly
      deadlineMs: STOP_MS,
      logFile,
      ready: () => postgresAnswers(port),
    }),
  );
  const password = await postgresPassword(dataDir);
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    pid: child.pid,
    port,
    stop: () => child.stop(),
    async kill() {
      child.signal('SIGKILL');
      await child.exited;
    },
  };
}

async function untilLeftoversAreGone<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt >= LEFTOVER_ATTEMPTS || !/shared memory block/.test(String(error))) throw error;
      await new Promise((done) => setTimeout(done, LEFTOVER_WAIT_MS));
    }
  }
}
