import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findRedis } from './find-redis.ts';
import { waitForFormerServer } from './former-server.ts';
import { freePort } from './free-port.ts';
import { redisAnswers } from './probe.ts';
import { runServer } from './run-server.ts';

const STOP_MS = 5_000;

export type RedisOptions = {
  /** Where the append-only file stays. */
  dataDir: string;
  /** Where a downloaded Redis is kept; may be shared. */
  cacheDir: string;
  /** A free one by default. */
  port?: number;
  /** More arguments for the server: `['--appendfsync', 'always']`. */
  flags?: readonly string[];
  /** Where the server's own output is appended. */
  logFile?: string;
  /** Hears what takes long, one line at a time. */
  onProgress?: (line: string) => void;
};

export type LocalRedis = {
  url: string;
  pid: number;
  port: number;
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
};

/** Starts a Redis on the loopback interface that evicts nothing and appends to a file. */
export async function startRedis(options: RedisOptions): Promise<LocalRedis> {
  const dataDir = resolve(options.dataDir);
  const { command, libraryPath } = await findRedis(
    resolve(options.cacheDir),
    options.onProgress ?? (() => {}),
  );
  await mkdir(dataDir, { recursive: true });
  const pidFile = join(dataDir, 'redis.pid');
  await waitForFormerServer(dataDir, pidFile); // two on one append-only file would ruin it
  const port = options.port ?? (await freePort());
  const child = await runServer({
    name: 'Redis',
    command,
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dataDir],
      ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
      ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no', '--pidfile', pidFile],
      ...(options.flags ?? []),
    ],
    cwd: dataDir,
    // Redis needs nothing of the starter's environment but, unpacked, its libraries.
    env: { PATH: '/usr/bin:/bin', ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}) },
    deadlineMs: STOP_MS,
    logFile: options.logFile ?? `${dataDir}.log`,
    ready: () => redisAnswers(port),
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    port,
    stop: () => child.stop(),
    async kill() {
      child.signal('SIGKILL');
      await child.exited;
    },
  };
}
