import { randomUUID } from 'node:crypto';
import { expect, inject, it, onTestFinished } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createPool, migrate, pendingMigrations } from '../src/index.ts';

async function openEmptyDatabase() {
  const name = `empty_${randomUUID().replaceAll('-', '')}`;
  const options = { applicationName: 'contour-test', onError: () => undefined };
  const server = createPool({ ...options, url: inject('postgresUrl'), max: 1 });
  await server.query(`create database ${name}`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  const pool = createPool({ ...options, url: url.href });
  onTestFinished(async () => {
    await pool.end();
    await server.query(`drop database ${name} with (force)`);
    await server.end();
  });
  return pool;
}

it('applies every migration once, run from several places at once', async () => {
  const pool = await openEmptyDatabase();
  const pending = await pendingMigrations(pool);
  const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(pool)));
  expect(applied.flat().sort()).toEqual(pending);
  expect(pending.length).toBeGreaterThan(0);
  expect(await pendingMigrations(pool)).toEqual([]);
});

it('fingerprints a credential as the contract does', async () => {
  const pool = await openEmptyDatabase();
  await migrate(pool);
  const { rows } = await pool.query("select contour_fingerprint('пароль') as fingerprint");
  const { fingerprintOf } = await import('@contour/contract');
  expect(rows[0]?.fingerprint).toBe(fingerprintOf('пароль'));
});

it('does not make everybody wait behind a table that somebody holds', async () => {
  const pool = await openEmptyDatabase();
  await migrate(pool);
  await pool.query('alter table messages drop column trace_parent');
  await pool.query("delete from contour_migrations where name like '0004%'");
  const holder = await pool.connect();
  await holder.query('begin');
  await holder.query('select 1 from messages');
  const migrated = migrate(pool);
  const isWaiting = async () => {
    const { rowCount } = await pool.query('select 1 from pg_locks where not granted');
    return rowCount === 1;
  };
  await waitFor('the migration to wait for its lock', isWaiting);
  // In the queue behind it, but for no longer than it tries.
  await pool.query('select count(*) from messages');
  await holder.query('commit');
  holder.release();
  expect(await migrated).toEqual(['0004_trace_parent.sql']);
});
