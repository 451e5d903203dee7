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
import { basename, dirname, join } from 'node:path';
import { type Account, canReach, giveTo } from './account.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { startLogged } from './run-server.ts';

const COMMON_PLACE = '/var/tmp/contour-'; // reachable for every user, kept over a restart

/**
 * The directory of the data: the given one or, if the account cannot reach it, another one to which the given path
 * becomes a symlink.
 */
export async function reachableDataDir(
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
export async function makePostgresData(
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
  const passwordFile = passwordFileOf(dataDir);
  await writeFile(passwordFile, randomBytes(16).toString('hex'), { mode: 0o600 });
  if (account) await chown(passwordFile, account.uid, account.gid);
  const run = (command: string, args: string[], input?: string) =>
    runTool(command, args, input, account, logFile);
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

/** The superuser's password, which was created with the data. */
export async function postgresPassword(dataDir: string): Promise<string> {
  return (await readFile(passwordFileOf(dataDir), 'utf8')).trim();
}

function passwordFileOf(dataDir: string): string {
  return `${dataDir}.password`;
}

async function runTool(
  command: string,
  args: string[],
  input: string | undefined,
  account: Account | undefined,
  logFile: string,
): Promise<void> {
  const { child, readLog } = await startLogged(logFile, command, args, {
    cwd: '/',
    ...account,
    ...(input === undefined ? {} : { input }),
  });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`${basename(command)} failed:\n${await readLog()}`);
}
