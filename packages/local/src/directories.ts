import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';

const ABANDONED_MS = 30 * 60_000; // longer than any download

/** Creates a directory for temporary data. An unprivileged server may pass through it. */
export async function temporaryDir(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'contour-'));
  await chmod(path, 0o711); // 0700 would exclude the user as whom root runs Postgres
  return path;
}

/** The user's cache of downloads, shared by all checkouts. */
export function userCacheDir(): string {
  const inHome = join(homedir(), '.cache', 'contour');
  try {
    mkdirSync(inHome, { recursive: true });
    accessSync(inHome, constants.W_OK);
    return inHome;
  } catch {
    return join(tmpdir(), `contour-cache-${userInfo().uid}`); // an account without a home
  }
}

/** Lends the work a new directory, which is removed afterwards. */
export async function withStaging<T>(
  prefix: string,
  work: (staging: string) => Promise<T>,
): Promise<T> {
  const staging = await mkdtemp(prefix);
  try {
    return await work(staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Fills a directory of a cache, all or nothing: `make` returns the directory in `staging` that it becomes. A cache may be
 * shared: the second start uses the result of the first.
 */
export async function fillCache(
  home: string,
  make: (staging: string) => Promise<string>,
): Promise<void> {
  const prefix = `${home}-new-`;
  await mkdir(dirname(home), { recursive: true });
  // Left by a start that was killed during its download.
  for (const name of await readdir(dirname(home))) {
    const folder = join(dirname(home), name);
    if (!folder.startsWith(prefix)) continue;
    const madeAt = await stat(folder).then((found) => found.mtimeMs, Date.now);
    if (Date.now() - madeAt > ABANDONED_MS) await rm(folder, { recursive: true, force: true });
  }
  await withStaging(prefix, async (staging) => {
    await rename(await make(staging), home).catch((error: unknown) => {
      if (!existsSync(home)) throw error;
    });
  });
}
