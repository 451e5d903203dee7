import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Pool } from '@contour/store';
import { expect, inject, it, onTestFinished, vi } from 'vitest';
import { check } from '../../../test/support/checker.ts';
import { startFakeCore } from '../../../test/support/fake-core.ts';
import { freePort } from '../../../test/support/free-port.ts';
import { createDatabase, type Database } from '../../../test/support/fresh-database.ts';
import {
  auditAdopted,
  createLegacyDatabase,
  startOldSystem,
} from '../../../test/support/legacy-database.ts';
import { messagesOf } from '../../../test/support/messages.ts';
import { runBuilt } from '../../../test/support/processes.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { startLoad } from '../../../test/support/send.ts';
import { startTestRedis } from '../../../test/support/servers.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

vi.setConfig({ testTimeout: 120_000 });

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const APPLY = ['adopt', '--apply', '--domain-id', '7'];

async function openLegacy(clients: number): Promise<Database> {
  const database = await createLegacyDatabase(inject('postgresUrl'), clients);
  onTestFinished(database.drop);
  return database;
}

const adopt = ({ url }: Database, ...args: string[]) =>
  runContour(['adopt', ...args], { DATABASE_URL: url });

/** Kills the command as soon as a step is in the middle of its work. */
async function applyAndKill({ url, pool }: Database, step: string): Promise<void> {
  const child = execFile(process.execPath, [MAIN, ...APPLY], { env: { DATABASE_URL: url } });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const isThere = async () => {
    const { rows } = await pool.query("select to_regclass('contour_adoption') as log");
    if (rows[0]?.log === null) return false;
    const found = await pool.query('select from contour_adoption where step = $1', [step]);
    return found.rowCount === 1;
  };
  await waitFor(step, isThere, { deadlineMs: 60_000, everyMs: 2 });
  child.kill('SIGKILL');
  await ended;
}

const CATALOGUE = `
  select c.relname || '.' || a.attname as what
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
  union all
  select 'not null ' || c.relname || '.' || a.attname
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnotnull and a.attnum > 0
   where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not a.attisdropped
  union all
  select (case when indisunique then 'unique ' else '' end) || indrelid::regclass || ' '
         || regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', '')
    from pg_index join pg_class t on t.oid = indrelid
   where t.relnamespace = 'public'::regnamespace and indisvalid
  union all
  select 'trigger ' || tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
  union all
  select 'function ' || proname from pg_proc where pronamespace = 'public'::regnamespace
  union all
  select 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint
   where connamespace = 'public'::regnamespace and contype in ('f', 'c') and convalidated`;

async function catalogueOf(pool: Pool): Promise<Set<string>> {
  const { rows } = await pool.query<{ what: string }>(CATALOGUE);
  return new Set(rows.map(({ what }) => what));
}

/** What a migrated database has and this one has not. */
async function missingIn(pool: Pool): Promise<string[]> {
  const fresh = await createDatabase(inject('postgresUrl'));
  try {
    const there = await catalogueOf(pool);
    return [...(await catalogueOf(fresh.pool))].filter((what) => !there.has(what));
  } finally {
    await fresh.drop();
  }
}

/** What another system's rows may be: its messages are not in our ledger. */
const INHERITED = new Set(['empty_dialog', 'client_without_identity']);

/** Sends to a database that was adopted, through the API and a worker, and holds it to every promise. */
async function sendMessages({ url, pool }: Database): Promise<void> {
  const redis = await startTestRedis();
  onTestFinished(redis.close);
  const core = await startFakeCore();
  onTestFinished(core.close);
  const [port, workerPort] = [await freePort(), await freePort()];
  const env = { NODE_ENV: 'test', DATABASE_URL: url, REDIS_URL: redis.url, CORE_URL: core.url };
  const api = runBuilt('api', port, { ...env, PORT: String(port) });
  const worker = runBuilt('worker', workerPort, { ...env, WORKER_PORT: String(workerPort) });
  try {
    await Promise.all([api.ready(), worker.ready()]);
    const account = {
      id: 1,
      channel: 'telegram',
      credential: 'legacy-credential-0',
      fingerprint: '',
    } as const;
    const known = [...messagesOf(account, { count: 40, chats: 20, prefix: 'known' })].map(
      (message, index) => ({ ...message, external_chat_id: `user-${(index % 20) * 4}` }),
    );
    const fresh = messagesOf(account, { count: 20, chats: 10 });
    const load = await startLoad({
      urls: [api.url],
      messages: [...known, ...fresh],
      concurrency: 8,
    }).done;
    const violations = await check({ pool, core, accepted: load.accepted, sent: load.sent });
    expect(violations.filter(({ kind }) => !INHERITED.has(kind))).toEqual([]);
    const { rows } = await pool.query(
      `select count(*) filter (where is_new_client)::int as clients, count(*)::int as messages from messages`,
    );
    expect(rows).toEqual([{ clients: 10, messages: 60 }]);
  } finally {
    await Promise.all([api.stop(), worker.stop()]);
  }
}

it('adopts a dirty database beside its old system, killed twice on the way, and runs on it', async () => {
  const database = await openLegacy(20_000);
  const { url, pool } = database;
  const checked = await adopt(database, '--check', '--domain-id', '7', '--json');
  expect(checked).toMatchObject({ code: 0 });
  const counts = Object.fromEntries(
    JSON.parse(checked.stdout).findings.map((f: { code: string; count: number }) => [
      f.code,
      f.count,
    ]),
  );
  expect(counts).toEqual({
    disputed_identities: 606,
    repeated_identities: expect.any(Number),
    identities_without_client: 20,
    several_open_dialogs: 800,
    repeated_phones: expect.any(Number),
    unusable_phones: 200,
  });

  const oldSystem = startOldSystem(pool);
  await applyAndKill(database, 'normalise phones');
  await applyAndKill(database, 'merge identities');
  const resumed = await runContour(APPLY, { DATABASE_URL: url });
  await oldSystem.stop();
  expect(resumed.stderr).not.toContain('contour:');
  expect(resumed.stdout).toMatch(/adopted\n$/);
  expect(resumed.code).toBe(0);
  expect(oldSystem.written()).toBeGreaterThan(50);

  expect(await auditAdopted(pool)).toEqual([]);
  expect(await missingIn(pool)).toEqual([]);
  const again = { code: 0, stdout: expect.stringContaining('nothing to do'), stderr: '' };
  expect(await adopt(database, '--apply')).toEqual(again);
  expect(await runContour(['migrate', '--plan'], { DATABASE_URL: url })).toEqual(again);
  await sendMessages(database);
});

/** Repeats a phone and an open dialog, as a role that may write the old tables and nothing else. */
async function writeAsAnotherRole(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(
      `begin; create role old_writer; grant insert on clients, dialogs to old_writer;
       set local role old_writer;
       insert into clients (id, tenant_id, phone) values ('00000002-0000-4000-8000-00000000aaaa',
         '00000001-0000-4000-8000-000000000000', '+79000000000');
       insert into dialogs (id, client_id, channel_id, channel_account_id, status_id)
         values ('00000003-0000-4000-8000-00000000aaaa', '00000002-0000-4000-8000-000000000004', 1, 1, 1);
       reset role`,
    );
    const { rows } = await client.query(
      `select table_name, before ->> 'phone' as phone, before ->> 'status_id' as status
         from contour_adoption_set_aside order by id desc limit 2`,
    );
    expect(rows).toEqual([
      { table_name: 'dialogs', phone: null, status: '1' },
      { table_name: 'clients', phone: '+79000000000', status: null },
    ]);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

it('lists what its owner must decide, does the rest, and adopts once that is settled', async () => {
  const database = await openLegacy(200);
  const { pool, url } = database;
  const away = await runContour(['migrate'], { DATABASE_URL: url });
  expect(away.code).toBe(1);
  expect(away.stderr).toMatch(/^contour: .*see contour adopt --check\n$/);

  await pool.query(
    "update channel_accounts set account_id = 'legacy-credential-0' where account_id like '%-1'",
  );
  await pool.query(
    `update dialogs set tenant_id = '00000001-0000-4000-8000-000000000002', channel_account_id = 3
      where id = '00000003-0000-4000-8000-000000000000'`,
  );
  const checked = await adopt(database, '--check');
  expect(checked.code).toBe(1);
  expect(checked.stdout).toContain('you decide: 1 credentials that several tenants have');
  expect(checked.stdout).toContain('you decide: 1 dialogs whose client belongs to another tenant');
  expect(checked.stdout).toContain('you decide: 4 tenants without a domain_id');
  expect(checked.stdout).not.toContain('legacy-credential');
  const { rows } = await pool.query("select to_regclass('contour_adoption') as log");
  expect(rows).toEqual([{ log: null }]);

  const stuck = await adopt(database, '--apply');
  expect(stuck.code).toBe(1);
  expect(stuck.stdout).toContain('left: credentials\n');
  expect(stuck.stdout).toContain('left: constraints\n');
  const pending = await runContour(['migrate'], { DATABASE_URL: url });
  expect(pending.code).toBe(1);

  await writeAsAnotherRole(pool);

  await pool.query("update channel_accounts set account_id = 'its own' where id = 2");
  await pool.query(
    `update dialogs set tenant_id = '00000001-0000-4000-8000-000000000000', channel_account_id = 1
      where id = '00000003-0000-4000-8000-000000000000'`,
  );
  const settled = await adopt(database, '--apply', '--domain-id', '7');
  expect(settled).toMatchObject({ code: 0, stdout: expect.stringMatching(/adopted\n$/) });
  expect(await auditAdopted(pool)).toEqual([]);
});

it('names the columns whose type cannot be adopted, and touches nothing', async () => {
  const database = await openLegacy(10);
  await database.pool.query(
    `alter table client_channels alter column external_id type bigint using 1;
     create table messages (id int)`,
  );
  for (const how of ['--check', '--apply']) {
    const { code, stdout } = await adopt(database, how);
    expect(code).toBe(1);
    expect(stdout).toContain('client_channels.external_id is bigint, not text');
    expect(stdout).toContain('cannot be adopted: 1 tables and indexes whose name Contour needs');
  }
  const { rows } = await database.pool.query("select to_regclass('contour_adoption') as log");
  expect(rows).toEqual([{ log: null }]);
});

it('says what was typed wrong', async () => {
  expect(await runContour(['adopt'])).toEqual({
    code: 2,
    stdout: '',
    stderr: 'contour: say either --check or --apply\n',
  });
});
