import { randomBytes } from 'node:crypto';
import {
  chown,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type Account, canReach, giveTo, unprivilegedAccount } from './account.ts';
import { freePort } from './free-port.ts';
import { type PostgresBinaries, postgresBinaries } from './postgres-binaries.ts';
import {
  postgresAnswers,
  type RunningServer,
  runServer,
  type ServerOptions,
  startLogged,
  waitForFormerServer,
} from './run-server.ts';

const COMMON_PLACE = '/var/tmp/contour-'; // reachable for every user, kept over a restart
const STOP_MS = 8_000;
// After a kill -9, server processes may hold the old shared memory for a moment longer.
const LEFTOVER_ATTEMPTS = 20;
const LEFTOVER_WAIT_MS = 250;

type PostgresOptions = ServerOptions & {
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
  const password = await readFile(`${dataDir}.password`, 'utf8');
  const url = `postgres://postgres:${password.trim()}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
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

/**
 * The directory of the data: the given one or, if the account cannot reach it, another one to which the given path
 * becomes a symlink.
 */
async function reachableDataDir(
  dataDir: string,
  account: Account | undefined,
  onProgress: (line: string) => void,
): Promise<string> {
  await mkdir(dirname(dataDir), { recursive: true });
  const real = await realpath(dataDir).catch(() => undefined);
  const parent = dirname(real ?? (await realpath(dirname(dataDir))).concat('/data'));
  if (!account || (await canReach(account, parent))) return real ?? dataDir;
  if (real) throw new Error(`${account.name}, as whom Postgres runs, cannot reach ${real}`);
  await rm(dataDir, { force: true }); // a symlink whose target was deleted
  const place = await mkdtemp(COMMON_PLACE);
  await giveTo(account, place);
  await symlink(join(place, 'postgres'), dataDir);
  onProgress(`Postgres may not run as root and cannot reach ${dataDir}: its data is in ${place}`);
  return join(place, 'postgres');
}

/** Creates the data directory, the superuser's password and one database, all or nothing. */
async function makePostgresData(
  dataDir: string,
  database: string,
  binaries: PostgresBinaries,
  account: Account | undefined,
  logFile: string,
): Promise<void> {
  if (await stat(join(dataDir, 'PG_VERSION')).catch(() => undefined)) return;
  const staging = `${dataDir}.new`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true, mode: 0o700 });
  if (account) await giveTo(account, staging);
  // Every local user can reach a loopback port, so the superuser has a password.
  const passwordFile = `${dataDir}.password`;
  await writeFile(passwordFile, randomBytes(16).toString('hex'), { mode: 0o600 });
  if (account) await chown(passwordFile, account.uid, account.gid);
  const run = async (command: string, args: string[], input?: string) => {
    const { child, readLog } = await startLogged(logFile, command, args, {
      ...{ cwd: '/', input },
      ...account,
    });
    const { code } = await child.exited;
    if (code !== 0) throw new Error(`${basename(command)} failed:\n${await readLog()}`);
  };
  await run(binaries.initdb, [
    ...['-D', staging, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`],
    ...['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    ...['--no-sync', '--no-instructions'],
  ]);
  if (database !== 'postgres') {
    const create = `create database "${database.replaceAll('"', '""')}";\n`;
    await run(binaries.postgres, ['--single', '-D', staging, 'postgres'], create);
  }
  await rename(staging, dataDir);
}
