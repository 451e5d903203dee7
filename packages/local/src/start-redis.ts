import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { debianProgram } from './debian-program.ts';
import { freePort } from './free-port.ts';
import {
  type CachedServerOptions,
  type RunningServer,
  redisAnswers,
  runServer,
  waitForFormerServer,
} from './run-server.ts';
import { onPath } from './run-tool.ts';

const STOP_MS = 5_000;

export type LocalRedis = RunningServer & { url: string };

type RedisProgram = { command: string; libraryPath?: string };

type OnProgress = (line: string) => void;

/** Starts a Redis on the loopback interface that evicts nothing and appends to a file. */
export async function startRedis(options: CachedServerOptions): Promise<LocalRedis> {
  const { onProgress = () => {}, flags = [] } = options;
  const dataDir = resolve(options.dataDir);
  const { command, libraryPath } = await findRedis(resolve(options.cacheDir), onProgress);
  await mkdir(dataDir, { recursive: true });
  const pidFile = join(dataDir, 'redis.pid');
  await waitForFormerServer(dataDir, pidFile); // two on one append-only file would ruin it
  const port = options.port ?? (await freePort());
  const server = await runServer({
    name: 'Redis',
    command,
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dataDir],
      ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
      ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no', '--pidfile', pidFile],
      ...flags,
    ],
    cwd: dataDir,
    // Of the environment, only an unpacked Redis needs something: its libraries.
    env: { PATH: '/usr/bin:/bin', ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}) },
    deadlineMs: STOP_MS,
    port,
    logFile: options.logFile ?? `${dataDir}.log`,
    ready: () => redisAnswers(port),
  });
  return { ...server, url: `redis://127.0.0.1:${port}` };
}

/** The distribution's Redis, with its tools. */
const unpackedRedis = (cacheDir: string, onProgress: OnProgress) =>
  debianProgram({
    name: 'Redis',
    packages: ['redis-server', 'redis-tools'],
    path: 'usr/bin/redis-server',
    cacheDir,
    onProgress,
  });

/** A Redis or Valkey server on PATH, otherwise the distribution's package, which is cached. */
async function findRedis(cacheDir: string, onProgress: OnProgress): Promise<RedisProgram> {
  for (const name of ['redis-server', 'valkey-server']) {
    const command = await onPath(name);
    if (command) return { command };
  }
  try {
    return await unpackedRedis(cacheDir, onProgress);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      [
        `There is no redis-server or valkey-server on PATH (${reason}). Do one of these:`,
        '  - install redis or valkey (brew install redis, dnf install valkey, …)',
        '  - set REDIS_URL to a Redis of your own',
        '  - docker compose up',
      ].join('\n'),
      { cause },
    );
  }
}

/** The redis-cli on PATH, otherwise that of the downloaded package. */
export async function findRedisCli(
  cacheDir: string,
  onProgress: OnProgress = () => {},
): Promise<RedisProgram> {
  const command = await onPath('redis-cli');
  if (command) return { command };
  const server = await unpackedRedis(cacheDir, onProgress);
  return { ...server, command: join(dirname(server.command), 'redis-cli') };
}
