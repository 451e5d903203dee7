import { join } from 'node:path';
import { startNeo4j, userCacheDir } from '@contour/local';
import type { Shutdown } from '@contour/runtime';
import type { StartEnv } from '../env.ts';

/** Where the graph is, or why there is none. */
export type Mirror = { uri: string; embedded: boolean } | { off: string };

export type MirrorDeps = {
  state: string;
  port: number;
  env: Pick<StartEnv, 'NEO4J_URI'>;
  say: (line: string) => void;
  shutdown: Pick<Shutdown, 'add'>;
};

/** The Neo4j that the environment names, else an embedded one; never throws, as none is needed. */
export async function startMirror(deps: MirrorDeps): Promise<Mirror> {
  const { state, port, env, say, shutdown } = deps;
  if (env.NEO4J_URI !== undefined) return { uri: env.NEO4J_URI, embedded: false };
  try {
    say('Starting Neo4j');
    const dataDir = join(state, 'neo4j');
    const neo4j = await startNeo4j({ dataDir, cacheDir: userCacheDir(), port, onProgress: say });
    shutdown.add('neo4j', () => neo4j.stop());
    return { uri: neo4j.uri, embedded: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say(`The graph mirror is off: ${reason}`);
    return { off: reason };
  }
}
