import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startNeo4j, startPostgres, temporaryDir, userCacheDir } from '@contour/local';
import type { TestProject } from 'vitest/node';
import { SHORT_LIVED_JVM } from './servers.ts';
import type { SharedServer } from './servers-needed.ts';

const onProgress = (line: string) => console.log(line);

/** Starts servers on free ports and provides their addresses. Returns how to stop them. */
export async function startSharedServers(
  project: TestProject,
  needed: ReadonlySet<SharedServer>,
): Promise<() => Promise<void>> {
  const folder = await temporaryDir();
  const startings: Promise<{ stop(): Promise<void> } | undefined>[] = [];
  if (needed.has('postgresUrl')) startings.push(providePostgres(project, folder));
  if (needed.has('neo4j')) startings.push(provideNeo4j(project, folder));
  const stop = async () => {
    for (const result of await Promise.allSettled(startings)) {
      if (result.status === 'fulfilled') await result.value?.stop();
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(startings);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

async function providePostgres(project: TestProject, folder: string) {
  const postgres = await startPostgres({
    dataDir: join(folder, 'postgres'),
    flags: ['-c', 'fsync=off', '-c', 'full_page_writes=off'], // no test cuts the power here
    onProgress,
  });
  project.provide('postgresUrl', postgres.url);
  return postgres;
}

/** With CI=true a Neo4j must start. Elsewhere there may be no JDK, and its tests are skipped. */
async function provideNeo4j(project: TestProject, folder: string) {
  try {
    const neo4j = await startNeo4j({
      dataDir: join(folder, 'neo4j'),
      cacheDir: userCacheDir(),
      flags: SHORT_LIVED_JVM,
      onProgress,
    });
    project.provide('neo4j', { uri: neo4j.uri });
    return neo4j;
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    const reason = `no Neo4j: ${error instanceof Error ? error.message : String(error)}`;
    onProgress(`The tests that need Neo4j are skipped: ${reason}`);
    project.provide('neo4j', { reason });
    return undefined;
  }
}
