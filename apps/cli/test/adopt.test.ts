import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, inject, it, onTestFinished, vi } from 'vitest';
import { auditAdopted, rowsOf, schemaOf } from '../../../test/support/adopted-database.ts';
import type { Database } from '../../../test/support/fresh-database.ts';
import { createLegacyDatabase } from '../../../test/support/legacy-database.ts';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { waitFor, within } from '../../../test/support/wait-for.ts';
import { runContour } from '../src/program.ts';

vi.setConfig({ testTimeout: 120_000 });

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

async function openLegacy(clients: number): Promise<Database> {
  const database = await createLegacyDatabase(inject('postgresUrl'), clients);
  onTestFinished(database.drop);
  return database;
}

/** Runs a command in this process. Only tests of its end start the built command. */
async function type({ url }: Pick<Database, 'url'>, ...args: string[]) {
  let [stdout, stderr] = ['', ''];
  const write = (text: string) => {
    stderr += text;
  };
  const say = (line: string) => {
    stdout += `${line}\n`;
  };
  const screen = { write } as unknown as NodeJS.WriteStream;
  const { stdin } = process;
  const code = await runContour({ env: { DATABASE_URL: url }, stdin, screen, say }, args);
  return { code, stdout, stderr };
}

/** Starts the built command. `end` resolves with its exit code and output. */
function start({ url }: Database, ...args: string[]) {
  let [stdout, stderr] = ['', ''];
  const child = execFile(process.execPath, [MAIN, ...args], { env: { DATABASE_URL: url } });
  child.stdout?.on('data', (text) => {
    stdout += text;
  });
  child.stderr?.on('data', (text) => {
    stderr += text;
  });
  const end = new Promise<object>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { kill: (signal: NodeJS.Signals) => child.kill(signal), end };
}

/** CREATE INDEX CONCURRENTLY waits for this snapshot. */
async function holdSnapshot(pool: Pool): Promise<() => Promise<void>> {
  const holder = await pool.connect();
  await holder.query('set idle_in_transaction_session_timeout = 0');
  await holder.query('begin isolation level repeatable read');
  await holder.query('select now()');
  let isHeld = true;
  const letGo = async () => {
    if (!isHeld) return;
    isHeld = false;
    await holder.query('rollback');
    holder.release(true);
  };
  onTestFinished(letGo);
  return letGo;
}

/** The session of the command, by its statement and by what it waits for. */
const SESSION = `select pid from pg_stat_activity where datname = current_database()
  and application_name = 'contour-cli' and query ~* $1 and wait_event_type ~ $2`;

const isBusy = async (pool: Pool, query: string, waits = '') =>
  (await pool.query(SESSION, [query, waits])).rowCount !== 0;

it('stops while an index is made, by Ctrl-C or kill, leaves no lock, and continues later', async () => {
  const database = await openLegacy(200);
  const { pool } = database;
  const letGo = await holdSnapshot(pool);
  const apply = () => start(database, 'adopt', '--apply', '--domain-id', '7');

  const isAtIndex = () => isBusy(pool, '^create unique index concurrently', 'Lock');

  const stopped = apply();
  await waitFor('the index', isAtIndex);
  stopped.kill('SIGINT');
  expect(await within('the end after Ctrl-C', 4_000, stopped.end)).toMatchObject({
    code: 130,
    stdout: '',
    stderr: expect.stringMatching(/contour: stopped; the same command continues from here\n$/),
  });
  expect(await isBusy(pool, '')).toBe(false);
  const half = 'select indexrelid::regclass::text as name from pg_index where not indisvalid';
  expect((await pool.query(half)).rows).toEqual([{ name: 'channels_code_key' }]);

  const killed = apply();
  await waitFor('the same index, made again', isAtIndex);
  killed.kill('SIGKILL');
  expect(await killed.end).toMatchObject({ code: null, signal: 'SIGKILL' });
  await waitFor('the end of its session', async () => !(await isBusy(pool, '')));

  await letGo();
  expect(await apply().end).toMatchObject({ code: 0, stdout: expect.stringMatching(/adopted\n$/) });
  const calm = await openLegacy(200);
  expect(await type(calm, 'adopt', '--apply', '--domain-id', '7')).toMatchObject({ code: 0 });
  expect(await schemaOf(pool)).toEqual(await schemaOf(calm.pool));
  expect(await rowsOf(pool)).toEqual(await rowsOf(calm.pool));
});

/** Repeats a phone and an open dialog, as a role that may write only the old tables. */
async function writeAsAnotherRole(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(
      `begin; create role adopted_writer; grant insert on clients, dialogs to adopted_writer;
       set local role adopted_writer;
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

it('lists what the owner must decide, does the rest, and adopts after the decisions', async () => {
  const database = await openLegacy(200);
  const { pool } = database;
  const away = await type(database, 'migrate');
  expect(away.code).toBe(3);
  expect(away.stderr).toMatch(/^contour: .*see contour adopt --check\.\n$/);

  await pool.query(
    "update channel_accounts set account_id = 'legacy-credential-0' where account_id like '%-1'",
  );
  await pool.query(
    `update dialogs set tenant_id = '00000001-0000-4000-8000-000000000002', channel_account_id = 3
      where id = '00000003-0000-4000-8000-000000000000'`,
  );
  const checked = await type(database, 'adopt', '--check');
  expect(checked.code).toBe(1);
  expect(checked.stdout).toContain('you decide: 1 credentials of several tenants');
  expect(checked.stdout).toContain('you decide: 1 dialogs whose client belongs to another tenant');
  expect(checked.stdout).toContain('you decide: 4 tenants without a domain_id');
  expect(checked.stdout).not.toContain('legacy-credential');
  const { rows } = await pool.query("select to_regclass('contour_adoption') as log");
  expect(rows).toEqual([{ log: null }]);

  const stuck = await type(database, 'adopt', '--apply');
  expect(stuck.code).toBe(1);
  expect(stuck.stdout).toContain('left: credentials\n');
  expect(stuck.stdout).toContain('left: constraints\n');

  await writeAsAnotherRole(pool);

  await pool.query("update channel_accounts set account_id = 'its own' where id = 2");
  await pool.query(
    `update dialogs set tenant_id = '00000001-0000-4000-8000-000000000000', channel_account_id = 1
      where id = '00000003-0000-4000-8000-000000000000'`,
  );
  const settled = await type(database, 'adopt', '--apply', '--domain-id', '7');
  expect(settled).toMatchObject({ code: 0, stdout: expect.stringMatching(/adopted\n$/) });
  expect(await auditAdopted(pool)).toEqual([]);
  const again = { code: 0, stdout: expect.stringContaining('nothing to do'), stderr: '' };
  expect(await type(database, 'adopt', '--apply')).toEqual(again);
  expect(await type(database, 'migrate', '--plan')).toEqual(again);
});

it('lists columns of a wrong type, and changes nothing', async () => {
  const database = await openLegacy(10);
  await database.pool.query(
    `alter table client_channels alter column external_id type bigint using 1;
     create table messages (id int)`,
  );
  for (const how of ['--check', '--apply']) {
    const { code, stdout } = await type(database, 'adopt', how);
    expect(code).toBe(1);
    expect(stdout).toContain('client_channels.external_id is bigint, not text');
    expect(stdout).toContain('cannot be adopted: 1 tables and indexes whose name Contour needs');
  }
  const { rows } = await database.pool.query("select to_regclass('contour_adoption') as log");
  expect(rows).toEqual([{ log: null }]);
});

it('refuses wrong options', async () => {
  expect(await type({ url: 'postgres://nowhere' }, 'adopt')).toEqual({
    code: 2,
    stdout: '',
    stderr: 'contour: give either --check or --apply\n',
  });
});
