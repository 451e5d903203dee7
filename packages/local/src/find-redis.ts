import { debianProgram } from './debian-program.ts';
import { onPath } from './on-path.ts';

export type RedisProgram = { command: string; libraryPath?: string };

/** The distribution's Redis, with its tools. */
export const unpackedRedis = (cacheDir: string, onProgress: (line: string) => void) =>
  debianProgram({
    name: 'Redis',
    packages: ['redis-server', 'redis-tools'],
    path: 'usr/bin/redis-server',
    ...{ cacheDir, onProgress },
  });

/** A Redis or Valkey server on PATH, else the distribution's package, kept in the cache. */
export async function findRedis(
  cacheDir: string,
  onProgress: (line: string) => void,
): Promise<RedisProgram> {
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
        `There is no redis-server or valkey-server on PATH (${reason}). Three ways out:`,
        '  - install redis or valkey (brew install redis, dnf install valkey, …)',
        '  - set REDIS_URL to a Redis of your own',
        '  - docker compose up',
      ].join('\n'),
      { cause },
    );
  }
}
