import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis, temporaryDir } from '@contour/local';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitUntilGone } from './processes.ts';
import { askRedis } from './redis-command.ts';

const cacheDir = fileURLToPath(new URL('../../../.contour/cache', import.meta.url));
let directory: string;
let dataDir: string;

beforeEach(async () => {
  directory = await temporaryDir();
  dataDir = join(directory, 'redis');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('Redis evicts nothing and appends to a file', async () => {
  const redis = await startRedis({ dataDir, cacheDir });
  expect(await askRedis(redis.port, 'CONFIG GET maxmemory-policy')).toContain('noeviction');
  expect(await askRedis(redis.port, 'CONFIG GET appendonly')).toContain('yes');
  expect(await askRedis(redis.port, 'CONFIG GET save')).not.toMatch(/\d{2}/);
  await redis.stop();
  await waitUntilGone([redis.pid]);
});

test('Redis keeps its data between runs', async () => {
  const first = await startRedis({ dataDir, cacheDir });
  expect(await askRedis(first.port, 'SET answer 42')).toBe('+OK\r\n');
  await first.stop();
  const second = await startRedis({ dataDir, cacheDir });
  expect(await askRedis(second.port, 'GET answer')).toContain('42');
  await second.stop();
});

test('Redis starts again after a kill', async () => {
  const first = await startRedis({ dataDir, cacheDir });
  await first.kill();
  const second = await startRedis({ dataDir, cacheDir, port: first.port });
  expect(await askRedis(second.port, 'PING')).toBe('+PONG\r\n');
  await second.stop();
});
