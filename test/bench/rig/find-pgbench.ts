import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { debianProgram, userCacheDir } from '@contour/local';

const execute = promisify(execFile);

interface Pgbench {
  command: string;
  env: Record<string, string>;
}

/** The version of the distribution, from its package `postgresql`. */
async function versionOf(): Promise<string> {
  const { stdout } = await execute('apt-cache', ['depends', 'postgresql']);
  const version = /postgresql-(\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error('the distribution has no postgresql');
  return version;
}

/** pgbench on PATH, else the distribution's. */
export async function findPgbench(): Promise<Pgbench> {
  const env = { PATH: process.env.PATH ?? '' };
  const isThere = await execute('pgbench', ['--version']).catch(() => undefined);
  if (isThere) return { command: 'pgbench', env };
  const version = await versionOf();
  const { command, libraryPath } = await debianProgram({
    name: 'pgbench',
    packages: [`postgresql-${version}`, `postgresql-client-${version}`],
    path: `usr/lib/postgresql/${version}/bin/pgbench`,
    cacheDir: userCacheDir(),
    onProgress: console.log,
  });
  return { command, env: { ...env, LD_LIBRARY_PATH: libraryPath } };
}
