import { downloadRedis } from './download-redis.ts';
import { onPath } from './on-path.ts';

export type RedisProgram = { command: string; libraryPath?: string };

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
    if (!(await onPath('apt-get')) || !(await onPath('dpkg-deb'))) {
      throw new Error('this is not a Debian or Ubuntu whose package could be fetched');
    }
    return await downloadRedis(cacheDir, onProgress);
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
