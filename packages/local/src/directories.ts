import { accessSync, constants, mkdirSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

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
