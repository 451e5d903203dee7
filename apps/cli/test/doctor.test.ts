import { expect, inject, onTestFinished, test } from 'vitest';
import { startContour } from '../../../test/support/contour.ts';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { withRedis } from '../../../test/support/redis-client.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { resolve } from '../../../test/support/send.ts';
import { startTestRedis } from '../../../test/support/servers.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { contourHere } from './contour-here.ts';

interface Check {
  check: string;
  state: string;
  detail: string;
  advice: string | null;
}

async function doctor(env: Record<string, string>) {
  const { code, stdout } = await contourHere(['doctor', '--json'], env);
  const checks: Check[] = JSON.parse(stdout);
  const of = (state: string) =>
    checks.filter((check) => check.state === state).map(({ check }) => check);
  const find = (name: string) => checks.find(({ check }) => check === name);
  return { code, checks, of, find };
}

test('a healthy system passes; parked messages and a missing setting are warnings', async () => {
  const contour = await startContour();
  onTestFinished(contour.close);
  const neo4jUri = inject('neo4j').uri;
  const env = {
    DATABASE_URL: contour.database.url,
    REDIS_URL: contour.redis.url,
    CORE_URL: `${contour.core.url}/hook/secret-path`,
    ...(neo4jUri === undefined ? {} : { NEO4J_URI: neo4jUri }),
    API_KEYS: 'shop:secret-key',
    ADMIN_KEYS: '',
  };
  const unknown = {
    channel: 'telegram',
    bot_token: 'unknown',
    external_chat_id: 'chat',
    text: 'x',
  };
  expect((await resolve(contour.url, { ...unknown, message_ids: ['1'] })).status).toBe(404);
  await waitFor('the worker', async () => (await doctor(env)).find('workers')?.state === 'ok');

  const { code, checks, of, find } = await doctor(env);
  expect(of('FAIL')).toEqual([]);
  expect(of('warn')).toEqual(['setting ADMIN_KEYS', 'dlq']);
  expect(code).toBe(0);
  expect(of('ok')).toEqual(
    expect.arrayContaining([
      ...['postgres', 'postgres version', 'postgres writes', 'postgres clock', 'migrations'],
      ...['postgres durability', 'postgres snapshots'],
      ...['redis', 'redis version', 'redis eviction', 'redis persistence', 'redis writes'],
      ...['redis memory', 'redis clock', 'workers', 'backlog', 'queues', 'core', 'node'],
      ...(neo4jUri === undefined ? [] : ['neo4j', 'neo4j version']),
    ]),
  );
  expect(find('dlq')).toMatchObject({ detail: '1 parked', advice: expect.stringContaining('dlq') });
  expect(find('setting API_KEYS')?.detail).toBe('shop');
  expect(JSON.stringify(checks)).not.toContain('secret');

  const { code: ending, stdout, stderr } = await runContour(['doctor'], env);
  expect(stdout).toMatch(/^ok {4}setting DATABASE_URL +postgres:\/\/[\w.:]+$/m);
  expect(stdout).toMatch(/^warn {2}setting ADMIN_KEYS +none: .*\n +→ set it to name:key/m);
  expect(stdout).toMatch(/\n0 FAIL, 2 warn, \d+ ok\n$/);
  expect({ ending, stderr }).toEqual({ ending: 0, stderr: '' });
  const lines = stdout.trim().split('\n');
  expect(lines.filter((line) => /^(ok|warn|FAIL) /.test(line))).toHaveLength(checks.length);
  // A test's database has a name that is longer than most.
  const usual = lines.filter((line) => !line.includes('/test_'));
  expect(Math.max(...usual.map(({ length }) => length))).toBeLessThanOrEqual(100);
});

test('each server that is away fails its own checks, without showing a password', async () => {
  const env = {
    DATABASE_URL: 'postgres://someone:secret@127.0.0.1:1/contour',
    REDIS_URL: 'redis://:secret@127.0.0.1:1',
    NEO4J_URI: 'bolt://127.0.0.1:1',
    NEO4J_PASSWORD: 'secret',
    CORE_URL: 'http://someone:secret@127.0.0.1:1',
  };
  const { code, checks, of, find } = await doctor(env);
  expect(code).toBe(1);
  expect(of('FAIL')).toEqual(['postgres', 'redis']);
  const servers = ['postgres', 'redis', 'neo4j', 'core'];
  for (const server of servers) expect(find(server)?.detail).toContain('ECONNREFUSED');
  expect(of('warn')).toEqual(expect.arrayContaining(['neo4j', 'core']));
  expect(JSON.stringify(checks)).not.toContain('secret');
});

test('a wrong setting fails, and production requires keys and CORE_URL', async () => {
  const env = { NODE_ENV: 'production', PORT: 'secret', STREAM_SHARDS: '0', REDIS_URL: 'secret' };
  const { code, checks, of, find } = await doctor(env);
  expect(code).toBe(1);
  expect(of('FAIL').sort()).toEqual([
    'setting ADMIN_KEYS',
    'setting API_KEYS',
    'setting CORE_URL',
    'setting DATABASE_URL',
    'setting PORT',
    'setting REDIS_URL',
    'setting STREAM_SHARDS',
  ]);
  expect(find('setting DATABASE_URL')?.detail).toBe('is required');
  expect(find('setting API_KEYS')?.detail).toBe('is required in production');
  expect(JSON.stringify(checks)).not.toContain('secret');
});

test('servers that may lose data, or are frozen, fail; so does a missing migration', async () => {
  const { pool, url, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const server = await startTestRedis();
  onTestFinished(server.close);
  const env = { DATABASE_URL: url, REDIS_URL: server.url };
  await pool.query("delete from contour_migrations where name like '0003%'");
  const name = new URL(url).pathname.slice(1);
  await pool.query(`alter database "${name}" set synchronous_commit = off`);
  await withRedis(server.url, async (redis) => {
    await redis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await redis('CONFIG', 'SET', 'appendonly', 'no');
    await redis('CONFIG', 'SET', 'maxmemory', '1gb');
    await redis('HSET', 'bull:graph:meta', 'paused', '1');
  });
  const { code, of, find } = await doctor(env);
  expect(code).toBe(1);
  expect(of('FAIL')).toEqual(['postgres durability', 'migrations', 'redis eviction']);
  expect(find('migrations')?.detail).toBe('pending: 0003_credential_rotation.sql');
  expect(of('warn')).toEqual(expect.arrayContaining(['redis persistence', 'workers', 'queues']));
  expect(find('queues')?.detail).toBe('paused: graph');
  expect(find('redis memory')?.detail).toMatch(/^\d+\.\d MB of 1024\.0 MB used$/);

  await withRedis(server.url, async (redis) => {
    await redis('CONFIG', 'SET', 'appendonly', 'yes');
    await redis('CONFIG', 'SET', 'appendfsync', 'no');
    await redis('REPLICAOF', '127.0.0.1', '1');
  });
  const replica = await doctor(env);
  expect(replica.of('FAIL')).toContain('redis writes');
  expect(replica.find('redis persistence')).toMatchObject({
    state: 'warn',
    detail: 'append-only file, appendfsync no',
  });

  server.freeze();
  const startedAt = Date.now();
  const frozen = await doctor(env);
  expect(frozen.of('FAIL')).toEqual(['postgres durability', 'migrations', 'redis']);
  expect(Date.now() - startedAt).toBeLessThan(20_000);
});
