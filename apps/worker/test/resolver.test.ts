import { AppError, checkIncoming, type IncomingMessage } from '@contour/contract';
import { beforeEach, expect, inject, onTestFinished, test } from 'vitest';
import { createDatabase, type Database } from '../../../test/support/fresh-database.ts';
import { openAsStore, type Pool } from '../../../test/support/outside-pool.ts';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { within } from '../../../test/support/wait-for.ts';
import { createResolver, type Resolver } from '../src/resolve/resolver.ts';
import { silent, uncounted } from './unheard.ts';

const LOCK_TIMEOUT_MS = 250;

let database: Database;
let hasty: Pool;
let resolver: Resolver;
let sent = 0;

beforeEach(async () => {
  database = await createDatabase(inject('postgresUrl'));
  onTestFinished(database.drop);
  hasty = openAsStore({
    ...{ url: database.url, applicationName: 'hasty', onError: () => undefined },
    ...{ isForLookups: true, lockTimeoutMs: LOCK_TIMEOUT_MS },
  });
  onTestFinished(() => hasty.end());
  resolver = createResolver({
    pool: hasty,
    logger: silent,
    observer: uncounted,
    tracer: undefined,
    stopping: new AbortController().signal,
    concurrency: 100,
    linkByPhone: true,
    phoneRegion: 'RU',
    shardCount: 1,
    wake: () => undefined,
    wakeGraph: () => undefined,
  });
});

function messageOf(tenant: TestTenant, chat: string): IncomingMessage {
  sent += 1;
  const checked = checkIncoming({
    channel: 'telegram',
    account_fingerprint: tenant.accounts.telegram.fingerprint,
    external_chat_id: chat,
    text: 'hello',
    message_ids: [`message ${sent}`],
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
  return checked.message;
}

/** How a message ended, for its sender. */
const told = (message: IncomingMessage) =>
  resolver.resolve(message).then(
    ({ kind }) => kind,
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

const chatsOf = (count: number) => Array.from({ length: count }, (_, n) => `chat ${n}`);

async function lockDialogsOf(tenant: TestTenant): Promise<void> {
  const session = await database.pool.connect();
  await session.query('begin; set local idle_in_transaction_session_timeout = 0');
  await session.query('select from dialogs where tenant_id = $1 for update', [tenant.id]);
  onTestFinished(async () => {
    await session.query('rollback');
    session.release();
  });
}

test('messages of other tenants are resolved while all dialogs of one tenant are locked', async () => {
  const [stuck, healthy] = [await addTestTenant(database.pool), await addTestTenant(database.pool)];
  await Promise.all(chatsOf(10).map((chat) => told(messageOf(stuck, chat))));
  await told(messageOf(healthy, 'chat'));
  await lockDialogsOf(stuck);

  const stuckEnds = Promise.all(chatsOf(10).map((chat) => told(messageOf(stuck, chat))));
  const first = told(messageOf(healthy, 'chat'));
  expect(await within('the first after the lock', 10 * LOCK_TIMEOUT_MS, first)).toBe('resolved');
  const ends = await stuckEnds;
  expect(ends.filter((end) => end === 'postgres_busy')).toHaveLength(4);
  expect(ends.filter((end) => end === 'not_tried')).toHaveLength(6);

  // Now the account is a suspect: it shares no batch with the others, and they do not wait for it.
  const again = Promise.all(chatsOf(10).map((chat) => told(messageOf(stuck, chat))));
  const startedAt = performance.now();
  expect(await told(messageOf(healthy, 'chat'))).toBe('resolved');
  expect(performance.now() - startedAt).toBeLessThan(LOCK_TIMEOUT_MS);
  expect(await again).not.toContain('resolved');
});

test('a tenant whose messages are held has a quarter of the places at most', async () => {
  const [stuck, healthy] = [await addTestTenant(database.pool), await addTestTenant(database.pool)];
  const chats = chatsOf(60);
  await Promise.all(chats.map((chat) => told(messageOf(stuck, chat))));
  await told(messageOf(healthy, 'chat'));
  await lockDialogsOf(stuck);
  await Promise.all([told(messageOf(stuck, 'chat 0')), told(messageOf(healthy, 'chat'))]);

  let atOnce = 0;
  const ends = chats.map((chat) =>
    told(messageOf(stuck, chat)).then((end) => {
      if (atOnce >= 0) atOnce += 1;
      return end;
    }),
  );
  await new Promise(setImmediate);
  expect(atOnce).toBe(60 - 25);
  atOnce = -1;
  expect(new Set(await Promise.all(ends))).toEqual(new Set(['postgres_busy', 'not_tried']));
});

test('the messages of one account keep their order when their batch is taken apart', async () => {
  const [stuck, healthy] = [await addTestTenant(database.pool), await addTestTenant(database.pool)];
  await told(messageOf(stuck, 'locked'));
  await told(messageOf(healthy, 'chat'));
  await lockDialogsOf(stuck);
  const inOrder = Array.from({ length: 20 }, () => messageOf(healthy, 'chat'));
  const ends = [messageOf(stuck, 'locked'), ...inOrder].map(told);
  expect((await Promise.all(ends)).slice(1)).toEqual(inOrder.map(() => 'resolved'));
  const { rows } = await database.pool.query<{ id: string }>(
    'select id from messages where tenant_id = $1 and seq > 1 order by seq',
    [healthy.id],
  );
  expect(rows.map(({ id }) => id)).toEqual(inOrder.map(({ messageId }) => messageId));
});

test('while a table is locked and nothing is stored, a message waits without a counted failure', async () => {
  const tenant = await addTestTenant(database.pool);
  const session = await database.pool.connect();
  await session.query(
    'begin; set local idle_in_transaction_session_timeout = 0; lock table messages in access exclusive mode',
  );
  const message = messageOf(tenant, 'chat');
  expect(await told(message)).toBe('postgres_unavailable');
  await session.query('rollback');
  session.release();
  expect(await told(message)).toBe('resolved');
});
