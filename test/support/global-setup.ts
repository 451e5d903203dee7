import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostgres, startRedis, temporaryDir } from '@contour/local';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    redisUrl: string;
  }
}

// The download of a Redis, where one is needed, is shared with `npm start`.
const CACHE_DIR = fileURLToPath(new URL('../../.contour/cache', import.meta.url));

/** One Postgres and one Redis for the whole run, on free ports; each test takes a part of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await temporaryDir();
  const onProgress = (line: string) => console.log(line);
  const postgres = await startPostgres({
    dataDir: join(directory, 'postgres'),
    flags: ['-c', 'fsync=off', '-c', 'full_page_writes=off'], // nobody cuts the power here
    onProgress,
  });
  const redis = await startRedis({
    dataDir: join(directory, 'redis'),
    cacheDir: CACHE_DIR,
    flags: ['--databases', '512'],
    onProgress,
  });
  project.provide('postgresUrl', postgres.url);
  project.provide('redisUrl', redis.url);
  return async () => {
    await Promise.all([redis.stop(), postgres.stop()]);
    await rm(directory, { recursive: true, force: true });
  };
}
