import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { debianProgram, temporaryDir, userCacheDir } from '@contour/local';
import { stringify } from 'yaml';
import { freePort } from './free-port.ts';
import { get } from './send.ts';
import { waitFor } from './wait-for.ts';

const execute = promisify(execFile);

/** Paths of the two programs. */
export interface PrometheusPrograms {
  promtool: string;
  prometheus: string;
}

/** Prometheus and its checker, of the machine or of the distribution. Without them: the reason. */
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

export interface Prometheus {
  /** The data of an answer of its HTTP API, for instance `targets` or `rules`. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  ask(path: string): Promise<any>;
  close(): Promise<void>;
}

/** Starts a Prometheus with this configuration, and the files that it names in the same folder. */
export async function startPrometheus(
  program: string,
  config: unknown,
  files: Record<string, string> = {},
): Promise<Prometheus> {
  const folder = await temporaryDir();
  const all = { ...files, 'prometheus.yml': stringify(config) };
  for (const [name, text] of Object.entries(all)) await writeFile(join(folder, name), text);
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    program,
    [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const end = once(child, 'close');
  const kill = () => void child.kill('SIGKILL');
  // A test run that ends early must not leave it behind.
  process.once('exit', kill);

  const prometheus: Prometheus = {
    ask: async (path) => (await get(`http://${address}/api/v1/${path}`)).json.data,
    async close() {
      kill();
      await end;
      process.off('exit', kill);
      await rm(folder, { recursive: true, force: true });
    },
  };
  const isReady = async () => (await get(`http://${address}/-/ready`)).status === 200;
  await waitFor('Prometheus', isReady, { deadlineMs: 30_000 }).catch(async (error) => {
    await prometheus.close();
    throw new Error(`Prometheus does not start:\n${complaints}`, { cause: error });
  });
  return prometheus;
}
