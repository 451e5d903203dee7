import { fileURLToPath } from 'node:url';
import { type LocalPostgres, startPostgres } from '@contour/local';
import { startTestRedis, type TestServer } from '../../support/servers.ts';
import { openTown } from '../town/build-town.ts';
import type { Town } from '../town/town.ts';

/** Kept between runs: loading a million clients takes longer than the measurement. */
const POSTGRES_DIR = fileURLToPath(new URL('../../../.contour/bench/postgres', import.meta.url));

// Usual settings for a server of this size. The durability settings keep their defaults.
const SETTINGS = ['shared_buffers=2GB', 'max_wal_size=8GB', 'checkpoint_timeout=15min'];

export interface BenchServers {
  postgres: LocalPostgres;
  redis: TestServer;
  /** A copy of the town. A later one of the same name replaces it. */
  town(town: Town, name: string): Promise<string>;
  close(): Promise<void>;
}

export async function startServers(settings: readonly string[] = []): Promise<BenchServers> {
  const postgres = await startPostgres({
    dataDir: POSTGRES_DIR,
    flags: [...SETTINGS, ...settings].flatMap((setting) => ['-c', setting]),
    onProgress: console.log,
  });
  const redis = await startTestRedis();
  return {
    postgres,
    redis,
    town: (town, name) => openTown(postgres.url, town, name),
    async close() {
      await redis.close();
      await postgres.stop();
    },
  };
}
