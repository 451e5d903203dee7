import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Contour, startContour } from '../../../test/support/contour.ts';
import { type Body, idOf, messageTo } from '../../../test/support/messages.ts';
import { dumpRedis, readRedisFiles } from '../../../test/support/redis-dump.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { resolve } from '../../../test/support/send.ts';
import { storyIn } from '../../../test/support/story.ts';
import { addToStreams, withFingerprint } from '../../../test/support/streams.ts';
import { switchTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

// Long and unusual, so that a match anywhere is no coincidence.
const CHAT = '771900112233445';
const OTHER_CHAT = '771900112239999';
const PHONE = '+79163334455';

let contour: Contour;
let tenant: TestTenant;
let stranger: TestTenant;
let clientId: string;
let otherClientId: string;
let env: Record<string, string>;

const erase = (...more: string[]) =>
  runContour(['erase', '--tenant', tenant.id, '--client', clientId, ...more], env);

const places = (stdout: string) =>
  Object.fromEntries(
    (JSON.parse(stdout).places as Array<{ place: string; found: number; left: number }>).map(
      ({ place, ...counts }) => [place, counts],
    ),
  );

async function send(body: Body): Promise<{ client_id: string; message_id: string }> {
  const answer = await resolve(contour.url, body);
  expect(answer.status).toBe(200);
  return answer.json;
}

beforeAll(async () => {
  contour = await startContour({
    neo4jUri: inject('neo4j').uri,
    env: { RELEASE_PARKED: 'false' },
  });
  tenant = await contour.addTenant();
  stranger = await contour.addTenant();
  env = { DATABASE_URL: contour.database.url, REDIS_URL: contour.redis.url };
  const { telegram, whatsapp } = tenant.accounts;
  const person = { external_chat_id: CHAT, client_name: 'Erased', client_phone: PHONE };
  const first = await send(messageTo(telegram, { ...person, text: 'delivered' }));
  await send(messageTo(whatsapp, { external_chat_id: '79163334455', client_phone: PHONE }));
  clientId = first.client_id;
  otherClientId = (await send(messageTo(telegram, { external_chat_id: OTHER_CHAT }))).client_id;
  await send(messageTo(stranger.accounts.telegram, person));

  const isIdle = async () =>
    (await contour.database.pool.query("select from messages where status = 'pending'"))
      .rowCount === 0;
  await waitFor('all to be delivered', isIdle);
  contour.core.behave(() => ({ status: 400 }));
  const dead = messageTo(telegram, { ...person, text: 'dead' });
  await send(dead);
  await storyIn(contour, idOf(dead), 'dead');
  contour.core.behave(() => ({ status: 500 }));
  await send(messageTo(telegram, { ...person, text: 'pending' }));

  // Parked while the tenant is switched off: one by chat, one from a new chat with the same phone.
  await switchTenant(contour.database.pool, tenant.id, false);
  const parked = [
    messageTo(telegram, { external_chat_id: CHAT, text: 'parked' }),
    messageTo(telegram, { external_chat_id: 'new chat', client_phone: '8 (916) 333-44-55' }),
    messageTo(telegram, { external_chat_id: OTHER_CHAT, text: 'stays' }),
  ];
  await addToStreams(
    contour.redis.url,
    parked.map((body) => withFingerprint(body, telegram)),
  );
  await waitFor('four dead letters', async () => (await contour.dlq()).length === 4);

  // Rows that an adoption would have set aside: three of this person, and two of others.
  const { pool } = contour.database;
  await pool.query(
    `create table contour_adoption_set_aside (
       id bigint generated always as identity primary key, table_name text not null,
       row_key text, reason text not null, before jsonb not null)`,
  );
  const setAside: Array<[table: string, key: string | null, before: Body]> = [
    ['clients', null, { tenant_id: tenant.id, phone: PHONE }],
    ['dialogs', null, { tenant_id: tenant.id, client_id: clientId }],
    ['client_channels', null, { tenant_id: null, channel_id: 1, external_id: CHAT }],
    ['clients', null, { tenant_id: stranger.id, phone: PHONE }],
    ['clients', otherClientId, { tenant_id: tenant.id, phone: null }],
  ];
  for (const row of setAside) {
    await pool.query(
      `insert into contour_adoption_set_aside (table_name, row_key, reason, before)
       values ($1, $2, 'test', $3)`,
      row,
    );
  }

  const isMirrored = async () => {
    const { rowCount } = await pool.query(
      `select from clients where graph_synced_at is null
        union all select from client_channels where graph_synced_at is null
        union all select from dialogs where graph_synced_at is null`,
    );
    return rowCount === 0;
  };
  if (inject('neo4j').uri !== undefined) await waitFor('the graph to follow', isMirrored);

  // Messages that wait in Redis while no worker runs.
  await contour.workers[0]?.stop();
  const waiting = [CHAT, OTHER_CHAT].map((chat) =>
    messageTo(telegram, { external_chat_id: chat, text: 'in a stream' }),
  );
  await addToStreams(
    contour.redis.url,
    waiting.map((body) => withFingerprint(body, telegram)),
  );
  for (const chat of [CHAT, OTHER_CHAT]) {
    const queued = messageTo(telegram, { external_chat_id: chat, text: 'in a job' });
    const answer = await resolve(contour.url, queued, { prefer: 'respond-async' });
    expect(answer.status).toBe(202);
  }
});
afterAll(() => contour?.close());

const hasMirror = async () =>
  (await contour.database.pool.query('select from graph_turns where turn > 0')).rowCount === 1;

test('erase searches, removes one person everywhere, and shows that nothing is left', async () => {
  if (await hasMirror()) {
    const without = await erase();
    expect(without).toMatchObject({ code: 2, stdout: '' });
    expect(without.stderr).toMatch(/set NEO4J_URI/);
    env.NEO4J_URI = inject('neo4j').uri ?? '';
  }
  const looked = await erase();
  expect(looked).toMatchObject({ code: 0, stderr: '' });
  expect(looked.stdout).toMatch(/Postgres messages +4\n/);
  expect(looked.stdout).toMatch(/Postgres dead letters +3\n/);
  expect(looked.stdout).toMatch(/Run again with --yes/);
  expect(looked.stdout).not.toContain(PHONE);

  const erased = await erase('--yes');
  expect(erased).toMatchObject({ code: 0, stderr: '' });
  expect(erased.stdout).toMatch(/Postgres messages +4 +4 +0\n/);
  expect(erased.stdout).toMatch(/Postgres client_channels +2 +2 +0\n/);
  expect(erased.stdout).toMatch(/Postgres contour_adoption_set_aside +3 +3 +0\n/);
  expect(erased.stdout).toMatch(/Redis jobs in resolve +1 +1 +0\n/);
  expect(erased.stdout).toMatch(/Redis stream entries +1 +1 +0\n/);
  expect(erased.stdout).toMatch(/Postgres dead letters +3 +3 +0\n/);
  if (env.NEO4J_URI !== undefined) expect(erased.stdout).toMatch(/Neo4j nodes +5 +5 +0\n/);
  expect(erased.stdout).toMatch(/by client id, 2 chats and the phone: nothing is left\./);
  expect(erased.stdout).toMatch(/rewritten its append-only file/);
});

test('no table, key or file of Redis holds the chat, and other clients lost nothing', async () => {
  const { pool } = contour.database;
  const { rows } = await pool.query<{ n: number; theirs: number }>(
    `select count(*)::int as n, count(*) filter (where client_id = $1)::int as theirs
       from messages where payload::text like '%' || $2 || '%' and tenant_id <> $3`,
    [clientId, CHAT, stranger.id],
  );
  expect(rows).toEqual([{ n: 0, theirs: 0 }]);
  for (const [key, text] of await dumpRedis(contour.redis.url)) {
    expect(text.includes(CHAT), key).toBe(false);
  }
  for (const [file, text] of await readRedisFiles(contour.redis.dataDir)) {
    expect(text.includes(CHAT), file).toBe(false);
  }
  const others = await pool.query('select id from clients order by id');
  expect(others.rows.map(({ id }) => id)).toContain(otherClientId);
  expect(others.rowCount).toBe(2);
  expect(await contour.dlq()).toHaveLength(1);
});

test('a second run finds nothing, and the waiting messages of others are resolved', async () => {
  const again = await erase('--yes', '--json');
  expect(again.code).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({ known: false, client: clientId, unclear: [] });
  for (const { found, left } of Object.values(places(again.stdout))) {
    expect({ found, left }).toEqual({ found: 0, left: 0 });
  }
  contour.core.behave(() => ({ status: 200 }));
  await switchTenant(contour.database.pool, tenant.id, true);
  await contour.startWorker();

  await waitFor('the rest', async () => {
    const { rows } = await contour.database.pool.query(
      "select from messages where client_id = $1 and status = 'delivered'",
      [otherClientId],
    );
    return rows.length === 3;
  });
  // Erased entries do not count as lost from a stream.
  const logs = contour.workers.map((one) => one.output()).join('');
  expect(logs).not.toContain('stream.lost');
  expect(await contour.check({ accepted: [], core: undefined })).toEqual([]);
});

test('a message that comes later makes a new client', async () => {
  const { telegram } = tenant.accounts;
  const later = await send(messageTo(telegram, { external_chat_id: CHAT }));
  expect(later.client_id).not.toBe(clientId);
  clientId = later.client_id;
});

test("a message that may be another tenant's stays, and is listed with advice", async () => {
  const { telegram } = tenant.accounts;
  const gone = messageTo({ ...telegram, credential: 'gone' }, { external_chat_id: CHAT });
  expect((await resolve(contour.url, gone)).status).toBe(404);
  const { code, stdout } = await erase('--yes', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(stdout).unclear).toEqual([
    { place: 'Postgres dead letters', count: 1, ids: [idOf(gone)], todo: expect.any(String) },
  ]);
  const shown = await erase();
  expect(shown.stdout).toMatch(/Postgres dead letters: the owner of 1 is unclear.*\n.*dlq clear/);
});

test.each([
  [['--client', 'x'], /--client must be a UUID/],
  [
    ['--client', '0193c0de-0000-7000-8000-000000000000', '--tenant', 'unknown'],
    /no tenant "unknown"/,
  ],
])('%j is refused', async (args, said) => {
  const { code, stdout, stderr } = await runContour(['erase', '--tenant', tenant.id, ...args], env);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(said);
});
