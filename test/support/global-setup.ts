import type { TestProject } from 'vitest/node';
import { serversNeededBy } from './servers-needed.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    /** Without a uri, the tests that need Neo4j are skipped, for that reason. */
    neo4j: { uri: string; reason?: undefined } | { uri?: undefined; reason: string };
  }
}

/** Starts the servers that the files of this run ask for, one of each kind for all files. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const needed = serversNeededBy(project.vitest.state.getPaths());
  if (needed.size === 0) return async () => undefined;
  // Imported only now: unit tests run without a build.
  const { startSharedServers } = await import('./shared-servers.ts');
  return startSharedServers(project, needed);
}
