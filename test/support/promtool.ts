import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { userCacheDir } from '@contour/local';

const execute = promisify(execFile);
const run = (cwd: string, command: string, ...args: string[]) =>
  execute(command, args, { cwd, timeout: 60_000 });

/** The package of the distribution, without root and without touching apt's own lists and caches. */
async function downloadPackage(folder: string): Promise<void> {
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true });
  await mkdir(join(folder, 'lists/partial'), { recursive: true });
  const own = ['-qq', '-o', `Dir::Cache=${folder}/cache`, '-o', 'APT::Sandbox::User=root'];
  await run(folder, 'apt-get', ...own, 'download', 'prometheus').catch(async () => {
    // Lists may be missing, as in images of containers.
    own.push('-o', `Dir::State::lists=${folder}/lists`);
    await run(folder, 'apt-get', ...own, 'update').catch(() => undefined);
    await run(folder, 'apt-get', ...own, 'download', 'prometheus');
  });
}

/** Prometheus's own checker: the machine's, or the distribution's; or the reason why there is none. */
export async function findPromtool(): Promise<
  { command: string; reason?: undefined } | { command?: undefined; reason: string }
> {
  const installed = await execute('promtool', ['--version']).catch(() => undefined);
  if (installed) return { command: 'promtool' };
  const place = join(userCacheDir(), `promtool-${process.arch}`);
  const command = join(place, 'usr/bin/promtool');
  if (existsSync(command)) return { command };
  await mkdir(userCacheDir(), { recursive: true });
  const draft = await mkdtemp(`${place}-`);
  try {
    await downloadPackage(draft);
    const file = (await readdir(draft)).find((name) => name.endsWith('.deb')) ?? '';
    const root = join(draft, 'root');
    await run(draft, 'dpkg-deb', '-x', file, root);
    // Moved there whole: what was interrupted is never found again. Another run may have been faster.
    await rename(root, place).catch(() => undefined);
    if (!existsSync(command)) throw new Error('the package has no promtool');
    return { command };
  } catch (error) {
    return { reason: `no promtool: ${String(error).split('\n')[0]}` };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
