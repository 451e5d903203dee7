import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalRedis, startRedis } from '@contour/local';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach } from 'vitest';

export interface OwnRedis {
  server: LocalRedis;
  /** The test's own connection. */
  client: Redis;
  /** Whether a consumer is idle: Redis counts blocked clients. */
  isIdle(): Promise<boolean>;
  /** Stops the server and starts it again on the same port with the same data. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** What the code under test reported. */
  errors: Error[];
  onError: (error: Error) => void;
  /** Closes it after the test, the last one first. */
  closing<T extends { close(deadlineMs: number): Promise<unknown> }>(closable: T): T;
}

/** A Redis server for one test file, because these tests stop, freeze and flush it. */
export function ownRedis(): OwnRedis {
  let dataDir = '';
  const closables: Array<{ close(deadlineMs: number): Promise<unknown> }> = [];
  const own = { errors: [] as Error[] } as OwnRedis;
  const options = () => ({ dataDir, cacheDir: join(import.meta.dirname, '../../../.contour') });
  own.onError = (error) => own.errors.push(error);
  own.closing = (closable) => {
    closables.push(closable);
    return closable;
  };
  own.isIdle = async () => /blocked_clients:[1-9]/.test(await own.client.info('clients'));
  own.stop = () => own.server.stop();
  own.start = async () => {
    own.server = await startRedis({ ...options(), port: own.server.port });
  };

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'contour-queue-'));
    own.server = await startRedis(options());
    own.client = new Redis(own.server.url, { retryStrategy: () => 50 });
    own.client.on('error', () => undefined);
  });
  beforeEach(async () => {
    await own.client.flushall();
    own.errors.length = 0;
    return async () => {
      for (const closable of closables.splice(0).reverse()) await closable.close(1000);
    };
  });
  afterAll(async () => {
    own.client.disconnect();
    await own.server.stop();
    await rm(dataDir, { recursive: true, force: true });
    await rm(`${dataDir}.log`, { force: true });
  });
  return own;
}
