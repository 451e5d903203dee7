import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type LocalNeo4j,
  type LocalPostgres,
  type LocalRedis,
  startNeo4j,
  startPostgres,
  startRedis,
  temporaryDir,
  userCacheDir,
} from '@contour/local';
import { freePort } from './free-port.ts';

const CACHE = fileURLToPath(new URL('../../.contour/cache', import.meta.url));

/** A server that a test may stop, kill and start again, on the same port and with the same data. */
export interface TestServer {
  url: string;
  dataDir: string;
  stop(): Promise<void>;
  /** Kills it, as a power cut would. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Connections stay open, and the server does not answer. Not for Postgres: its sessions would go on. */
  freeze(): void;
  thaw(): void;
  /** Stops it and removes its data. */
  close(): Promise<void>;
}

type Running = Omit<LocalPostgres | LocalRedis | LocalNeo4j, 'uri'> & { url: string };

interface OwnOptions {
  /** More arguments for the server. */
  flags?: readonly string[];
  /** Where its data is, in place of a temporary folder. `close` removes the data there, too. */
  folder?: string;
}

async function startServer(
  run: (place: { dataDir: string; port: number }) => Promise<Running>,
  ownFolder?: string,
): Promise<TestServer> {
  const folder = ownFolder ?? (await temporaryDir());
  const place = { dataDir: join(folder, 'data'), port: await freePort() };
  let running: Running | undefined = await run(place);
  const { url } = running;
  let frozen = false;
  const setFrozen = (wanted: boolean) => {
    if (running && frozen !== wanted) process.kill(running.pid, wanted ? 'SIGSTOP' : 'SIGCONT');
    frozen = wanted;
  };
  const end = async (how: 'stop' | 'kill') => {
    setFrozen(false); // a failed test may have left it frozen
    await running?.[how]();
    running = undefined;
  };
  return {
    url,
    dataDir: place.dataDir,
    stop: () => end('stop'),
    kill: () => end('kill'),
    async start() {
      running ??= await run(place);
    },
    freeze: () => setFrozen(true),
    thaw: () => setFrozen(false),
    async close() {
      await end('stop');
      await rm(place.dataDir, { recursive: true, force: true });
      if (ownFolder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A Redis for one test, configured as the service requires: no eviction, an append-only file. */
export function startTestRedis({ flags = [], folder }: OwnOptions = {}): Promise<TestServer> {
  return startServer((place) => startRedis({ ...place, cacheDir: CACHE, flags }), folder);
}

/** A Postgres for one test that stops it. */
export function startTestPostgres({ flags = [], folder }: OwnOptions = {}): Promise<TestServer> {
  return startServer((place) => startPostgres({ ...place, flags }), folder);
}

/** For a JVM that lives for a minute: the optimizing compiler would not pay off. */
export const SHORT_LIVED_JVM = ['-XX:TieredStopAtLevel=1'];

/** A Neo4j for one test. Its `url` is its Bolt URI. */
export function startTestNeo4j(flags: readonly string[] = SHORT_LIVED_JVM): Promise<TestServer> {
  return startServer(async (place) => {
    const neo4j = await startNeo4j({ ...place, cacheDir: userCacheDir(), flags });
    return { ...neo4j, url: neo4j.uri };
  });
}
