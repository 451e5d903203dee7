import { randomUUID } from 'node:crypto';
import { expect, inject, it, onTestFinished } from 'vitest';
import { openAsStore, type Pool } from '../../../test/support/outside-pool.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { migrate, pendingMigrations } from '../src/index.ts';

async function openEmptyDatabase() {
  const name = `empty_${randomUUID().replaceAll('-', '')}`;
  const options = { applicationName: 'contour-test', onError: () => undefined };
  const server = openAsStore({ ...options, url: inject('postgresUrl'), max: 1 });
  await server.query(`create database ${name}`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  const pool = openAsStore({ ...options, url: url.href });
  onTestFinished(async () => {
    await pool.end();
    await server.query(`drop database ${name} with (force)`);
    await server.end();
  });
  return pool;
}

it('applies every migration once when several processes migrate at once', async () => {
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

it('does not block others while it waits for a locked table', async () => {
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
  // It waits behind the migration, but only for one of its short tries.
  await pool.query('select count(*) from messages');
  await holder.query('commit');
  holder.release();
  expect(await migrated).toEqual(['0004_trace_parent.sql']);
});

const OUTSIDE = '0006_dialogs_of_a_client.sql';

/** Fully migrated, except for the migration that makes an index outside a transaction. */
async function openWithoutIndex(): Promise<Pool> {
  const pool = await openEmptyDatabase();
  await migrate(pool);
  await pool.query('drop index dialogs_client');
  await pool.query('delete from contour_migrations where name = $1', [OUTSIDE]);
  return pool;
}

/** Keeps a transaction open that has written: an index has to wait for its end. */
async function holdDialogs(pool: Pool): Promise<() => Promise<void>> {
  const holder = await pool.connect();
  await holder.query('begin');
  await holder.query('lock table dialogs in row exclusive mode');
  return async () => {
    await holder.query('commit');
    holder.release();
  };
}

const isIndexBegun = async (pool: Pool) =>
  (await pool.query("select from pg_class where relname = 'dialogs_client'")).rowCount === 1;

async function isValid(pool: Pool): Promise<boolean | undefined> {
  const { rows } = await pool.query<{ indisvalid: boolean }>(
    "select indisvalid from pg_index where indexrelid = to_regclass('dialogs_client')",
  );
  return rows[0]?.indisvalid;
}

it('makes an index without blocking writers, while another migration waits for its turn', async () => {
  const pool = await openWithoutIndex();
  const letGo = await holdDialogs(pool);
  const first = migrate(pool);
  await waitFor('the index to be begun', () => isIndexBegun(pool));
  const second = migrate(pool);
  await pool.query('update dialogs set last_seq = 1');
  await letGo();
  expect(await Promise.all([first, second])).toEqual([[OUTSIDE], []]);
  expect(await isValid(pool)).toBe(true);
});

it('makes an index again after an interrupted run left an invalid one', async () => {
  const pool = await openWithoutIndex();
  const letGo = await holdDialogs(pool);
  const cutOff = migrate(pool);
  await waitFor('the index to be begun', () => isIndexBegun(pool));
  const ended = expect(cutOff).rejects.toThrow();
  await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where query like 'create index concurrently%' and datname = current_database()`,
  );
  await ended;
  await letGo();
  expect(await isValid(pool)).toBe(false);
  expect(await pendingMigrations(pool)).toEqual([OUTSIDE]);
  expect(await migrate(pool)).toEqual([OUTSIDE]);
  expect(await isValid(pool)).toBe(true);
});

it('notes a migration whose index was made by a run that was interrupted before it could note it', async () => {
  const pool = await openEmptyDatabase();
  await migrate(pool);
  const { rows } = await pool.query("select 'dialogs_client'::regclass::oid as made");
  await pool.query('delete from contour_migrations where name = $1', [OUTSIDE]);
  expect(await migrate(pool)).toEqual([OUTSIDE]);
  expect((await pool.query("select 'dialogs_client'::regclass::oid as made")).rows).toEqual(rows);
});

it('finds all dialogs of a client, also closed ones, by an index', async () => {
  const pool = await openEmptyDatabase();
  await migrate(pool);
  const client = await pool.connect();
  try {
    const tenantId = randomUUID();
    // Many dialogs of one tenant, each of another client, without the rows to which they refer.
    await client.query(`set session_replication_role = replica;
      insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id, status_id)
      select '${tenantId}', gen_random_uuid(), gen_random_uuid(), 1, 1, 3
        from generate_series(1, 3000);
      analyze dialogs`);
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain delete from dialogs
        where tenant_id = '${tenantId}' and client_id = '${randomUUID()}'`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/using dialogs_client on dialogs .*\n\s+Index Cond: .*client_id/);
  } finally {
    client.release(true);
  }
});
