import { join } from 'node:path';
import { startPostgres, startRedis } from '@contour/local';
import type { Shutdown } from '@contour/runtime';
import type { StartEnv } from '../env.ts';
import type { EmbeddedPorts } from './ports.ts';

export type Servers = {
  databaseUrl: string;
  redisUrl: string;
  embedded: { postgres: boolean; redis: boolean };
};

export type ServersDeps = {
  state: string;
  ports: Pick<EmbeddedPorts, 'postgres' | 'redis'>;
  env: Pick<StartEnv, 'DATABASE_URL' | 'REDIS_URL'>;
  say: (line: string) => void;
  shutdown: Pick<Shutdown, 'add'>;
};

/** The Postgres and the Redis that the environment names, else embedded ones. */
export async function startServers(deps: ServersDeps): Promise<Servers> {
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
