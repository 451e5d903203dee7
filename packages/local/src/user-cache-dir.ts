import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Where this user keeps what is costly to fetch, shared by all checkouts. */
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
