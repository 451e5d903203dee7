import { join } from 'node:path';
import { startNeo4j, startPostgres, startRedis, userCacheDir } from '@contour/local';
import type { Shutdown } from '@contour/runtime';
import type { StartEnv } from '../env.ts';
import type { EmbeddedPorts } from './free-ports.ts';

export interface Servers {
  databaseUrl: string;
  redisUrl: string;
  embedded: { postgres: boolean; redis: boolean };
}

/** Where the graph is, or why there is none. */
export type Mirror = { uri: string; embedded: boolean } | { off: string };

interface Starting<Server extends keyof EmbeddedPorts, Setting extends keyof StartEnv> {
  state: string;
  ports: Pick<EmbeddedPorts, Server>;
  env: Pick<StartEnv, Setting>;
  say: (line: string) => void;
  shutdown: Pick<Shutdown, 'add'>;
}

/** The Postgres and the Redis of the environment, or embedded ones. */
export async function startServers(
  deps: Starting<'postgres' | 'redis', 'DATABASE_URL' | 'REDIS_URL'>,
): Promise<Servers> {
  const { state, ports, env, say, shutdown } = deps;
  let { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } = env;
  const embedded = { postgres: databaseUrl === undefined, redis: redisUrl === undefined };
  if (databaseUrl === undefined) {
    say('Starting Postgres');
    const dataDir = join(state, 'postgres');
    const postgres = await startPostgres({ dataDir, port: ports.postgres, onProgress: say });
    shutdown.add('postgres', () => postgres.stop());
    databaseUrl = postgres.url;
  }
  if (redisUrl === undefined) {
    say('Starting Redis');
    const dataDir = join(state, 'redis');
    const cacheDir = join(state, 'cache');
    const redis = await startRedis({ dataDir, cacheDir, port: ports.redis, onProgress: say });
    shutdown.add('redis', () => redis.stop());
    redisUrl = redis.url;
  }
  return { databaseUrl, redisUrl, embedded };
}

/** The Neo4j of the environment, or an embedded one. Never throws, because Contour works without it. */
export async function startMirror(deps: Starting<'neo4j', 'NEO4J_URI'>): Promise<Mirror> {
  const { state, ports, env, say, shutdown } = deps;
  if (env.NEO4J_URI !== undefined) return { uri: env.NEO4J_URI, embedded: false };
  try {
    say('Starting Neo4j');
    const dataDir = join(state, 'neo4j');
    const options = { dataDir, cacheDir: userCacheDir(), port: ports.neo4j, onProgress: say };
    const neo4j = await startNeo4j(options);
    shutdown.add('neo4j', () => neo4j.stop());
    return { uri: neo4j.uri, embedded: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say(`The graph mirror is off: ${reason}`);
    return { off: reason };
  }
}
