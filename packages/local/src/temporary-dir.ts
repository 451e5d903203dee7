import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new directory for data that need not stay; an unprivileged server may pass through it. */
export async function temporaryDir(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'contour-'));
  await chmod(path, 0o711); // 0700 would shut out the user as whom root runs Postgres
  return path;
}
