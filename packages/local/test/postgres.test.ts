import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startPostgres, temporaryDir } from '@contour/local';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { postgresAnswers } from '../src/run-server.ts';
import { waitUntilGone } from './processes.ts';

const flags = ['-c', 'fsync=off'];
let directory: string;
let dataDir: string;

beforeEach(async () => {
  directory = await temporaryDir();
  dataDir = join(directory, 'postgres');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('Postgres starts on a free port, answers, and ends after stop', async () => {
  const postgres = await startPostgres({ dataDir, flags });
  expect(new URL(postgres.url).port).toBe(String(postgres.port));
  expect(await postgresAnswers(postgres.port)).toBe(true);
  await postgres.stop();
  await waitUntilGone([postgres.pid]);
  expect(await postgresAnswers(postgres.port)).toBe(false);
});

test('Postgres keeps its data and its password, also through a kill', async () => {
  const first = await startPostgres({ dataDir, flags });
  await first.kill();
  const second = await startPostgres({ dataDir, flags, port: first.port });
  await second.stop();
  expect(second.url).toBe(first.url);
});

test('the error of a Postgres that cannot start contains its log', async () => {
  const starting = startPostgres({ dataDir, flags: ['-c', 'no_such_setting=1'] });
  await expect(starting).rejects.toThrow(/unrecognized configuration parameter "no_such_setting"/);
});
