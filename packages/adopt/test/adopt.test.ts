import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { fingerprintOf } from '@contour/contract';
import { type Arrival, resolveBatch } from '@contour/store';
import { expect, inject, it, onTestFinished, vi } from 'vitest';
import { arrival } from '../../../packages/store/test/bundle.ts';
import { auditAdopted, rowsOf, schemaOf } from '../../../test/support/adopted-database.ts';
import { createDatabase, type Database } from '../../../test/support/fresh-database.ts';
import { createLegacyDatabase } from '../../../test/support/legacy-database.ts';
import { startOldSystem } from '../../../test/support/old-system.ts';
import { openAsStore, type Pool } from '../../../test/support/outside-pool.ts';
import type { TestTenant } from '../../../test/support/tenants.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { type AdoptOptions, applyAdoption, checkAdoption } from '../src/index.ts';

vi.setConfig({ testTimeout: 120_000 });

const OPTIONS: AdoptOptions = { region: 'RU', domainId: 7, show: () => undefined };
const ADOPTED = { state: 'theirs', findings: [], left: [] };

const RESOLVE = { linkByPhone: true, shardCount: 16 };

/** A message from a chat of the first tenant. */
function from(chat: string, phone?: string): Arrival {
  const fingerprint = fingerprintOf('legacy-credential-0');
  const telegram = { id: 1, channel: 'telegram', credential: '', fingerprint } as const;
  const tenant = { id: '', accounts: { telegram } } as unknown as TestTenant;
  return arrival(tenant, { external_chat_id: chat, client_phone: phone });
}

async function openLegacy(clients: number): Promise<Database> {
  const database = await createLegacyDatabase(inject('postgresUrl'), clients);
  onTestFinished(database.drop);
  return database;
}

/** What a migrated database has and this one lacks. */
async function missingIn(pool: Pool): Promise<string[]> {
  const fresh = await createDatabase(inject('postgresUrl'));
  try {
    const there = new Set(await schemaOf(pool));
    return (await schemaOf(fresh.pool)).filter((what) => !there.has(what));
  } finally {
    await fresh.drop();
  }
}

it('adopts a dirty database beside its old system, and the resolver runs on it', async () => {
  const { pool } = await openLegacy(1_000);
  const { findings } = await checkAdoption(pool, OPTIONS);
  expect(Object.fromEntries(findings.map(({ code, count }) => [code, count]))).toEqual({
    repeated_credentials: 1,
    disputed_identities: 31,
    repeated_identities: expect.any(Number),
    identities_without_client: 1,
    several_open_dialogs: 40,
    repeated_phones: expect.any(Number),
    unusable_phones: 10,
  });
  const oldSystem = startOldSystem(pool, { clients: 1_000 });
  await waitFor('the old system', () => oldSystem.written() > 20);
  expect(await applyAdoption(pool, OPTIONS)).toMatchObject(ADOPTED);
  await oldSystem.stop();

  expect(await auditAdopted(pool)).toEqual([]);
  expect(await missingIn(pool)).toEqual([]);
  expect(await applyAdoption(pool, OPTIONS)).toMatchObject({ state: 'ours', left: [] });

  const { outcomes } = await resolveBatch(
    pool,
    [from('user-8'), from('another', '8 (900) 000-00-12'), from('a third')],
    RESOLVE,
  );
  const { rows } = await pool.query('select client_id from messages order by matched_by desc');
  const known = (n: number) => `00000002-0000-4000-8000-${String(n).padStart(12, '0')}`;
  expect(rows.map((row) => row.client_id).slice(0, 2)).toEqual([known(12), known(8)]);
  expect(outcomes).toMatchObject(Array(3).fill({ kind: 'resolved' }));

  const undone = await pool.query(
    `update dialogs d set channel_account_id = (s.before ->> 'channel_account_id')::int
       from contour_adoption_set_aside s
      where s.reason = 'moved_to_another_account' and s.row_key = d.id::text`,
  );
  expect(undone.rowCount).toBe(25);
});

/** Numbers from 0 to below the limit, the same in each run. */
function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * limit);
  };
}

const LOOKS = /^\s*(?:select|begin|set)\b/;

/**
 * Breaks the connection at a statement of the adoption, before or after it has reached the server, as the
 * death of the process would. Returns whether the adoption was done before that.
 */
async function applyAndBreak(url: string, statements: number, isSent: boolean): Promise<boolean> {
  const pool = openAsStore({ url, applicationName: 'broken', max: 2, onError: () => undefined });
  let left = Number.POSITIVE_INFINITY;
  pool.on('connect', (client) => {
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    const breaking = (...args: unknown[]) => {
      if (LOOKS.test(String(args[0]))) return query(...args);
      left -= 1;
      if (left === 0 && isSent) setImmediate(() => stream.destroy());
      else if (left === 0) stream.destroy();
      return query(...args);
    };
    Object.assign(client, { query: breaking });
  });
  const show = (step: string) => {
    if (left === Number.POSITIVE_INFINITY && !step.startsWith('looking')) left = statements;
  };
  const ended = await applyAdoption(pool, { ...OPTIONS, show }).catch(() => undefined);
  await pool.end();
  if (ended !== undefined) expect(ended.left).toEqual([]);
  return ended !== undefined;
}

/** The server's notices of statements that read or rewrite a whole table under an exclusive lock. */
async function applyAndListen({ url }: Database): Promise<Array<string | undefined>> {
  const told: Array<string | undefined> = [];
  const debugging = new URL(url);
  debugging.searchParams.set('options', '-c client_min_messages=debug1');
  const limits = { applicationName: 'listening', max: 2, onError: () => undefined };
  const pool = openAsStore({ ...limits, url: debugging.href });
  pool.on('connect', (client) => {
    let current = '';
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    const remembering = (...args: unknown[]) => {
      current = String(args[0]);
      return query(...args);
    };
    Object.assign(client, { query: remembering });
    client.on('notice', ({ message }) => {
      const isWhole = /^(?:verifying|rewriting) table/.test(message ?? '');
      if (isWhole && !current.includes('validate constraint')) told.push(message);
    });
  });
  expect(await applyAdoption(pool, OPTIONS)).toMatchObject(ADOPTED);
  await pool.end();
  return told;
}

it('blocks the writers of no large table, and ends in the same state however often it is killed', async () => {
  const [calm, stormy] = [await openLegacy(200), await openLegacy(200)];
  expect(await applyAndListen(calm)).toEqual(['rewriting table "channel_accounts"']);
  const dice = seeded(20);
  let kills = 0;
  while (!(await applyAndBreak(stormy.url, 1 + dice(40), dice(2) === 1))) kills += 1;
  expect(kills).toBeGreaterThan(12);
  expect(await schemaOf(stormy.pool)).toEqual(await schemaOf(calm.pool));
  expect(await rowsOf(stormy.pool)).toEqual(await rowsOf(calm.pool));
});

it('notes what is deleted by a role that may write only the tables of the old system', async () => {
  const { pool } = await openLegacy(50);
  expect(await applyAdoption(pool, OPTIONS)).toMatchObject(ADOPTED);
  const client = await pool.connect();
  onTestFinished(async () => {
    await client.query('rollback');
    client.release();
  });
  const role = `old_system_${randomUUID().slice(0, 8)}`;
  await client.query(`
    begin; create role ${role};
    grant select, insert, update, delete on clients, client_channels, dialogs to ${role};
    grant usage on all sequences in schema public to ${role};
    set local role ${role};
    create temp table graph_removals (kind text, tenant_id text, channel text, id text);
    insert into clients (id, tenant_id) values ('00000002-0000-4000-8000-00000000aaaa',
      '00000001-0000-4000-8000-000000000000');
    insert into client_channels (client_id, channel_id, external_id)
      values ('00000002-0000-4000-8000-00000000aaaa', 1, 'theirs');
    insert into dialogs (id, client_id, channel_id, channel_account_id, status_id)
      values ('00000003-0000-4000-8000-00000000aaaa', '00000002-0000-4000-8000-00000000aaaa', 1, 1, 1);
    update client_channels set external_id = 'moved' where external_id = 'theirs';
    delete from dialogs where id = '00000003-0000-4000-8000-00000000aaaa';
    delete from client_channels where external_id = 'moved';
    delete from clients where id = '00000002-0000-4000-8000-00000000aaaa';
    reset role`);
  const { rows } = await client.query(
    `select kind || ' ' || id as removed from public.graph_removals order by seq desc limit 4`,
  );
  expect(rows.map(({ removed }) => removed).reverse()).toEqual([
    'identities theirs',
    'dialogs 00000003-0000-4000-8000-00000000aaaa',
    'identities moved',
    'clients 00000002-0000-4000-8000-00000000aaaa',
  ]);
});

it('keeps messages from being resolved until the unique keys exist', async () => {
  const { pool } = await openLegacy(50);
  const show = (step: string) => {
    if (step.startsWith('0002')) throw new Error('stopped');
  };
  await expect(applyAdoption(pool, { ...OPTIONS, show })).rejects.toThrow('stopped');
  await expect(resolveBatch(pool, [from('user-8')], RESOLVE)).rejects.toMatchObject({
    code: 'postgres_unavailable',
  });
  expect(await applyAdoption(pool, OPTIONS)).toMatchObject(ADOPTED);
  const { outcomes } = await resolveBatch(pool, [from('user-8')], RESOLVE);
  expect(outcomes).toMatchObject([{ kind: 'resolved' }]);
});
