import { expect, onTestFinished, test } from 'vitest';
import { openAsStore } from '../../../test/support/outside-pool.ts';
import { startTestPostgres } from '../../../test/support/servers.ts';
import { oldestSnapshots } from '../src/index.ts';

test('names the session with the oldest snapshot, and its age in time and in transactions', async () => {
  const server = await startTestPostgres();
  onTestFinished(server.close);
  const open = (applicationName: string) => {
    const pool = openAsStore({
      url: server.url,
      applicationName,
      max: 1,
      onError: () => undefined,
    });
    onTestFinished(() => pool.end());
    return pool;
  };
  const watcher = open('watcher');
  expect(await oldestSnapshots(watcher)).toEqual({ inTime: null, inTransactions: null });

  for (const name of ['pg_dump', 'report']) {
    const client = await open(name).connect();
    onTestFinished(() => client.release(true));
    await client.query('begin isolation level repeatable read');
    await client.query('select count(*) from pg_class');
    await watcher.query('create table if not exists t (n int)');
    await watcher.query('insert into t values (1)');
  }
  const { inTime, inTransactions } = await oldestSnapshots(watcher);
  expect(inTime?.holder).toMatch(/^session \d+ \(pg_dump\)$/);
  expect(inTime?.seconds).toBeGreaterThan(0);
  expect(inTransactions).toEqual(inTime);
  expect(inTransactions?.transactions).toBeGreaterThanOrEqual(3);
});
