import { chown, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The user a server runs as when the starter is root. */
export type Account = { name: string; uid: number; gid: number };

/**
 * The account for a server that refuses to run as root: the owner of its data, otherwise the user `postgres` or `nobody`.
 * Undefined if the starter is not root.
 */
export async function unprivilegedAccount(dataDir: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => {
    const [name = '', , uid, gid] = line.split(':');
    return { name, uid: Number(uid), gid: Number(gid) };
  });
  const owner = (await stat(dataDir).catch(() => undefined))?.uid ?? 0;
  const account =
    accounts.find(({ uid }) => uid === owner && uid !== 0) ??
    accounts.find(({ name }) => name === 'postgres') ??
    accounts.find(({ name }) => name === 'nobody');
  if (!account) {
    throw new Error('Postgres refuses to run as root, and there is no user "nobody" to run it as');
  }
  return account;
}

/** Whether the account may pass every directory down to a path and, if it is a file, run it. */
export async function canReach(account: Account, path: string): Promise<boolean> {
  const target = await realpath(path);
  for (let at = target; ; at = dirname(at)) {
    const found = await stat(at);
    const shift = found.uid === account.uid ? 6 : found.gid === account.gid ? 3 : 0;
    const wanted = found.isDirectory() ? 0o1 : 0o5;
    if (((found.mode >> shift) & wanted) !== wanted) return false;
    if (at === dirname(at)) return true;
  }
}

/** Changes a directory, and all directories and files in it. */
export async function changeAll(
  path: string,
  change: (path: string) => Promise<void>,
): Promise<void> {
  await change(path);
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory() || entry.isFile()) await change(join(entry.parentPath, entry.name));
  }
}

/** Makes the account the owner of a directory and of everything in it. */
export const giveTo = ({ uid, gid }: Account, path: string): Promise<void> =>
  changeAll(path, (entry) => chown(entry, uid, gid));
