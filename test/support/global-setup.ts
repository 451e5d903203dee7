import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNeo4j, startPostgres, startRedis, temporaryDir, userCacheDir } from '@contour/local';
import type { TestProject } from 'vitest/node';
import { SHORT_LIVED_JVM } from './servers.ts';

type Neo4jOrReason = { uri: string; reason?: undefined } | { uri?: undefined; reason: string };

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    redisUrl: string;
    /** Without a uri, the tests that need one are skipped, for that reason. */
    neo4j: Neo4jOrReason;
  }
}

// The download of a Redis, where one is needed, is shared with `npm start`.
const CACHE_DIR = fileURLToPath(new URL('../../.contour/cache', import.meta.url));

/** One server of each kind for the whole run, on free ports; each test takes a part of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await temporaryDir();
  const onProgress = (line: string) => console.log(line);
  const servers = [
    startPostgres({
      dataDir: join(directory, 'postgres'),
      flags: ['-c', 'fsync=off', '-c', 'full_page_writes=off'], // nobody cuts the power here
      onProgress,
    }),
    startRedis({
      dataDir: join(directory, 'redis'),
      cacheDir: CACHE_DIR,
      flags: ['--databases', '512'],
      onProgress,
    }),
    startNeo4jIfPossible(join(directory, 'neo4j'), onProgress),
  ] as const;
  const stop = async () => {
    for (const result of await Promise.allSettled(servers)) {
      if (result.status === 'fulfilled' && 'stop' in result.value) await result.value.stop();
    }
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const [postgres, redis, neo4j] = await Promise.all(servers);
    project.provide('postgresUrl', postgres.url);
    project.provide('redisUrl', redis.url);
    project.provide('neo4j', 'reason' in neo4j ? neo4j : { uri: neo4j.uri });
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** Where it is the tests' last word, a Neo4j must start; elsewhere there may be no JDK. */
async function startNeo4jIfPossible(dataDir: string, onProgress: (line: string) => void) {
  try {
    return await startNeo4j({
      dataDir,
      cacheDir: userCacheDir(),
      flags: SHORT_LIVED_JVM,
      onProgress,
    });
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    const reason = `no Neo4j: ${error instanceof Error ? error.message : String(error)}`;
    onProgress(`The tests that need Neo4j are skipped: ${reason}`);
    return { reason };
  }
}
