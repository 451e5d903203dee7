import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, messagesOf, messageTo } from '../support/messages.ts';
import { dumpRedis, readRedisFiles } from '../support/redis-dump.ts';
import { runContour } from '../support/run-contour.ts';
import { slowTest } from '../support/seed.ts';
import { acceptedCount, resolve, startLoad } from '../support/send.ts';
import { addToStreams, withFingerprint } from '../support/streams.ts';
import type { TestTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

const MAIN = fileURLToPath(new URL('../../apps/cli/dist/main.js', import.meta.url));

let contour: Contour;
let tenant: TestTenant;
let env: Record<string, string>;

beforeAll(async () => {
  contour = await startContour({ neo4jUri: inject('neo4j').uri });
  tenant = await contour.addTenant();
  env = { DATABASE_URL: contour.database.url, REDIS_URL: contour.redis.url };
  if (contour.neo4jUri !== undefined) env.NEO4J_URI = contour.neo4jUri;
});
afterAll(() => contour?.close());

const argsFor = (clientId: string) => [
  ...['erase', '--tenant', tenant.id, '--client', clientId],
  ...['--yes', '--json'],
];

async function erase(clientId: string) {
  const { code, stdout, stderr } = await runContour(argsFor(clientId), env);
  expect(stderr).toBe('');
  const { places, unclear } = JSON.parse(stdout);
  const left = (places as Array<{ place: string; left: number }>).map(({ place, left }) => [
    place,
    left,
  ]);
  return { code, unclear, left: Object.fromEntries(left) as Record<string, number> };
}

const count = async (sql: string, values: unknown[]) =>
  (await contour.database.pool.query(sql, values)).rowCount ?? 0;

/** A person with two channels, messages at Core, and one in the dead-letter queue. */
async function addPerson(chat: string): Promise<string> {
  const { telegram, whatsapp } = tenant.accounts;
  const client_phone = `+7916${chat.slice(-7)}`;
  const body = messageTo(telegram, { external_chat_id: chat, client_phone });
  const { json } = await resolve(contour.url, body);
  await resolve(contour.url, messageTo(whatsapp, { external_chat_id: chat, client_phone }));
  const parked = (await contour.dlq()).length;
  const conflict = withFingerprint({ ...body, text: 'other words' }, telegram);
  await addToStreams(contour.redis.url, [conflict]);
  await waitFor('the conflict', async () => (await contour.dlq()).length === parked + 1);
  const pending = "select from messages where client_id = $1 and status = 'pending'";
  await waitFor('its delivery', async () => (await count(pending, [json.client_id])) === 0);
  return json.client_id;
}

const ROWS_OF = `
  select from clients where id = $1 union all select from client_channels where client_id = $1
  union all select from dialogs where client_id = $1
  union all select from messages where client_id = $1`;

async function isNowhere(clientId: string, chat: string): Promise<void> {
  expect(await count(ROWS_OF, [clientId])).toBe(0);
  const notes = 'select from graph_removals where id in ($1, $2)';
  await waitFor('the graph to follow', async () => (await count(notes, [clientId, chat])) === 0);
  for (const [key, text] of await dumpRedis(contour.redis.url)) {
    expect(text.includes(chat) || text.includes(clientId) || key.includes(clientId), key).toBe(
      false,
    );
  }
  for (const [file, text] of await readRedisFiles(contour.redis.dataDir)) {
    expect(text.includes(chat), file).toBe(false);
  }
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
}

const startErase = (clientId: string) =>
  spawn(process.execPath, [MAIN, ...argsFor(clientId)], { env, stdio: 'ignore' });

/** Kills it while it waits for a lock of another session. */
async function killBehind(clientId: string, lock: string): Promise<void> {
  const holder = await contour.database.pool.connect();
  try {
    await holder.query(`begin; set local idle_in_transaction_session_timeout = 0; ${lock}`);
    const child = startErase(clientId);
    const waiting = `select from pg_stat_activity where datname = current_database()
      and application_name = 'contour-cli' and wait_event_type = 'Lock'`;
    await waitFor('the command to wait for the lock', async () => (await count(waiting, [])) === 1);
    await killed(child);
  } finally {
    holder.release(true);
  }
}

/** Kills it as soon as the person is deleted in Postgres. */
async function killAfterCommit(clientId: string): Promise<void> {
  const child = startErase(clientId);
  const row = 'select from clients where id = $1';
  await waitFor('the commit', async () => (await count(row, [clientId])) === 0, { everyMs: 1 });
  await killed(child);
}

slowTest(
  'killed at any point, an erasure is finished by the next, with the same proof',
  async () => {
    const undisturbed = await erase(await addPerson('771900112233001'));
    expect(undisturbed).toMatchObject({ code: 0, unclear: [] });

    const chat = '771900112233002';
    const clientId = await addPerson(chat);
    await killBehind(clientId, 'lock table messages in share row exclusive mode');
    expect(await count(ROWS_OF, [clientId])).toBeGreaterThan(4);
    await killBehind(clientId, `select from clients where id = '${clientId}' for update`);
    await killBehind(clientId, 'lock table graph_removals in share row exclusive mode');
    expect(await count('select from clients where id = $1', [clientId])).toBe(1);
    await killAfterCommit(clientId);
    // An entry that a worker had in hand all the time, and parks when Postgres has lost the person.
    await addToStreams(contour.redis.url, [
      {
        ...withFingerprint(messageTo(tenant.accounts.telegram), tenant.accounts.telegram),
        ...{ external_chat_id: chat, text: null },
      },
    ]);
    await waitFor('the entry to be parked', async () => (await contour.dlq()).length > 0);

    expect(await erase(clientId)).toEqual(undisturbed);
    expect(await contour.dlq()).toEqual([]);
    await isNowhere(clientId, chat);
  },
);

test('beside a busy worker it erases one person and no other', async () => {
  const { telegram } = tenant.accounts;
  const chat = '771900112233003';
  const clientId = await addPerson(chat);
  let isErased = false;
  /** Sends until the person is erased, and ten messages more. */
  function* beside(bodies: Iterable<Body>) {
    let more = 10;
    for (const body of bodies) {
      if (isErased) more -= 1;
      if (more < 0) return;
      yield body;
    }
  }
  function* theirs() {
    for (;;) yield messageTo(telegram, { external_chat_id: chat });
  }
  const load = { urls: contour.urls, paceMs: 50, concurrency: 2 };
  const own = startLoad({ ...load, messages: beside(theirs()) });
  const messages = beside(messagesOf(telegram, { count: Infinity, chats: 20 }));
  const others = startLoad({ ...load, messages });
  await Promise.all([acceptedCount(own, 10), acceptedCount(others, 10)]);
  await erase(clientId);
  isErased = true;
  await Promise.all([own.done, others.done]);

  const second = await erase(clientId);
  expect(second).toMatchObject({ code: 0, unclear: [] });
  expect(Object.values(second.left).every((left) => left === 0)).toBe(true);
  expect(await count(ROWS_OF, [clientId])).toBe(0);
  // Later messages of the same chat belong to a new client, and none is lost.
  const later = own.accepted.filter(({ answer }) => !answer?.includes(clientId));
  expect(later.length).toBeGreaterThan(0);
  const accepted = [...others.accepted, ...later];
  expect(await contour.check({ accepted, core: undefined })).toEqual([]);
  expect(await contour.dlq()).toEqual([]);
  const atCore = new Set(contour.core.requests.map(({ key }) => key));
  expect(accepted.filter(({ messageId }) => !atCore.has(messageId))).toEqual([]);
  for (const [key, text] of await dumpRedis(contour.redis.url)) {
    expect(text.includes(clientId), key).toBe(false);
  }
});
