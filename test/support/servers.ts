import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type LocalPostgres,
  type LocalRedis,
  startPostgres,
  startRedis,
  temporaryDir,
} from '@contour/local';
import { freePort } from './free-port.ts';

const CACHE = fileURLToPath(new URL('../../.contour/cache', import.meta.url));

/** A server that a test may stop, kill and start again: on the same port, with the same data. */
export interface TestServer {
  url: string;
  dataDir: string;
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops it for good and removes its data. */
  close(): Promise<void>;
}

type Running = LocalPostgres | LocalRedis;

async function startServer(
  run: (place: { dataDir: string; port: number }) => Promise<Running>,
): Promise<TestServer> {
  const folder = await temporaryDir();
  const place = { dataDir: join(folder, 'data'), port: await freePort() };
  let running: Running | undefined = await run(place);
  const { url } = running;
  const end = async (how: 'stop' | 'kill') => {
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
    async close() {
      await end('stop');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A Redis of one's own, as the service wants it: it evicts nothing and appends to a file. */
export function startTestRedis(): Promise<TestServer> {
  return startServer((place) => startRedis({ ...place, cacheDir: CACHE }));
}

/** A Postgres of one's own, for a test that takes it away. */
export function startTestPostgres(): Promise<TestServer> {
  return startServer((place) => startPostgres(place));
}
