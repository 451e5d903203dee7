import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { debianProgram, userCacheDir } from '@contour/local';

const execute = promisify(execFile);

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
  try {
    const { command: prometheus } = await debianProgram({
      name: 'Prometheus',
      packages: ['prometheus'],
      path: 'usr/bin/prometheus',
      cacheDir: userCacheDir(),
      onProgress: () => undefined,
    });
    return { prometheus, promtool: join(dirname(prometheus), 'promtool') };
  } catch (error) {
    return { reason: `no Prometheus: ${String(error).split('\n')[0]}` };
  }
}
