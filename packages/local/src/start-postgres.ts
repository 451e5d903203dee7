import { resolve } from 'node:path';
import { unprivilegedAccount } from './account.ts';
import { freePort } from './free-port.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { makePostgresData, postgresPassword, reachableDataDir } from './postgres-data.ts';
import {
  postgresAnswers,
  type RunningServer,
  runServer,
  type ServerOptions,
  waitForFormerServer,
} from './run-server.ts';

const STOP_MS = 8_000;
// After a kill -9, server processes may hold the old shared memory for a moment longer.
const LEFTOVER_ATTEMPTS = 20;
const LEFTOVER_WAIT_MS = 250;

export type PostgresOptions = ServerOptions & {
  /** Created together with the data. */
  database?: string;
};

export type LocalPostgres = RunningServer & { url: string };

/** Starts a Postgres on the loopback interface, as an unprivileged user if the starter is root. */
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
  const server = await untilLeftoversAreGone(() =>
    runServer({
      name: 'Postgres',
      command: binaries.postgres,
      args: [
        ...['-D', dataDir, '-p', String(port), '-c', 'listen_addresses=127.0.0.1'],
        ...['-c', 'unix_socket_directories=', '-c', 'max_connections=200', ...flags],
      ],
      cwd: '/',
      ...account,
      endSignal: 'SIGINT', // a "fast" shutdown: cuts sessions and ends cleanly
      deadlineMs: STOP_MS,
      port,
      logFile,
      ready: () => postgresAnswers(port),
    }),
  );
  const password = await postgresPassword(dataDir);
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  return { ...server, url };
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
