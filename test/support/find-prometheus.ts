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

/** Where the two programs are. */
export interface PrometheusPrograms {
  promtool: string;
  prometheus: string;
}

/** Prometheus and its checker: the machine's, or the distribution's; or the reason why there are none. */
export async function findPrometheus(): Promise<
  (PrometheusPrograms & { reason?: undefined }) | { reason: string }
> {
  const installed = { promtool: 'promtool', prometheus: 'prometheus' };
  const answers = Object.values(installed).map((program) => execute(program, ['--version']));
  if ((await Promise.allSettled(answers)).every(({ status }) => status === 'fulfilled')) {
    return installed;
  }
  const place = join(userCacheDir(), `prometheus-${process.arch}`);
  const found = {
    promtool: join(place, 'usr/bin/promtool'),
    prometheus: join(place, 'usr/bin/prometheus'),
  };
  if (existsSync(found.prometheus)) return found;
  await mkdir(userCacheDir(), { recursive: true });
  const draft = await mkdtemp(`${place}-`);
  try {
    await downloadPackage(draft);
    const file = (await readdir(draft)).find((name) => name.endsWith('.deb')) ?? '';
    const root = join(draft, 'root');
    await run(draft, 'dpkg-deb', '-x', file, root);
    // Moved there whole: what was interrupted is never found again. Another run may have been faster.
    await rename(root, place).catch(() => undefined);
    if (!existsSync(found.prometheus)) throw new Error('the package has no prometheus');
    return found;
  } catch (error) {
    return { reason: `no Prometheus: ${String(error).split('\n')[0]}` };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
