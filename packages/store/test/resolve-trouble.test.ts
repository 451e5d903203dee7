import { expect, it, onTestFinished } from 'vitest';
import { openAsStore, type Pool } from '../../../test/support/outside-pool.ts';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { type Arrival, resolveBatch, resolveTogether } from '../src/resolve/index.ts';
import { arrival, type Bundle, kinds, OPTIONS, openBundle } from './bundle.ts';

interface Scene extends Bundle {
  /** A pool with a short lock_timeout, like the resolver's. */
  hasty: Pool;
  other: TestTenant;
}

async function openScene(): Promise<Scene> {
  const bundle = await openBundle();
  const hasty = openAsStore({
    ...{ url: bundle.url, applicationName: 'hasty', onError: () => undefined },
    ...{ isForLookups: true, lockTimeoutMs: 50 },
  });
  onTestFinished(() => hasty.end());
  return { ...bundle, hasty, other: await addTestTenant(bundle.pool) };
}

/** The same pool, and how many connections it has lent since. */
function countConnections(pool: Pool) {
  let connections = 0;
  const connect = () => {
    connections += 1;
    return pool.connect();
  };
  return { counted: { connect } as unknown as Pool, connections: () => connections };
}

const to = (tenant: TestTenant, chat: string, change: Record<string, unknown> = {}): Arrival =>
  arrival(tenant, { external_chat_id: chat, ...change });

/** Locks rows in a session of its own, until the test ends. */
async function lock({ pool }: Scene, statement: string, ...values: unknown[]): Promise<void> {
  const session = await pool.connect();
  await session.query('begin; set local idle_in_transaction_session_timeout = 0');
  await session.query(statement, values);
  onTestFinished(async () => {
    await session.query('rollback');
    session.release();
  });
}

const lockChat = (scene: Scene, chat: string) =>
  lock(
    scene,
    `select from dialogs d join client_channels c using (tenant_id, client_id)
      where c.tenant_id = $1 and c.external_id = $2 for update of d`,
    scene.tenant.id,
    chat,
  );

it('resolves the other messages if a session locks one dialog, and only its chat waits', async () => {
  const scene = await openScene();
  const { tenant, other, hasty } = scene;
  await scene.resolve(to(tenant, 'locked'), to(tenant, 'free'), to(other, 'free'));
  await lockChat(scene, 'locked');
  const batch = [
    ...[to(tenant, 'locked'), to(other, 'free'), to(tenant, 'free')],
    ...[to(tenant, 'locked'), to(other, 'new'), to(tenant, 'new')],
  ];
  const { outcomes } = await resolveBatch(hasty, batch, OPTIONS);
  expect(kinds(outcomes)).toEqual([
    ...['postgres_busy', 'resolved', 'resolved'],
    ...['not_tried', 'resolved', 'resolved'],
  ]);
});

it('resolves the other messages if the trigger of another application refuses one client', async () => {
  const { tenant, other, hasty, pool } = await openScene();
  await pool.query(
    `create function refuse() returns trigger language plpgsql as $$
       begin raise exception 'not this one'; end $$;
     create trigger refuse before insert on clients for each row
       when (new.name = 'Unwanted') execute function refuse()`,
  );
  const unwanted = { client_name: 'Unwanted' };
  const batch = [to(other, 'a'), to(tenant, 'b', unwanted), to(tenant, 'c'), to(other, 'd')];
  const { outcomes } = await resolveBatch(hasty, batch, OPTIONS);
  expect(kinds(outcomes)).toEqual(['resolved', 'unexpected', 'resolved', 'resolved']);
});

it('tries no further message of an account after four of its messages met a lock alone', async () => {
  const scene = await openScene();
  const { tenant, other, hasty, pool } = scene;
  const chats = Array.from({ length: 8 }, (_, n) => `chat ${n}`);
  await scene.resolve(...chats.map((chat) => to(tenant, chat)), to(other, 'free'));
  await lock(scene, 'select from dialogs where tenant_id = $1 for update', tenant.id);
  const batch = [...chats.map((chat) => to(tenant, chat)), to(other, 'free')];
  const { outcomes } = await resolveBatch(hasty, batch, OPTIONS);
  expect(kinds(outcomes)).toEqual([
    ...Array.from({ length: 4 }, () => 'postgres_busy'),
    ...Array.from({ length: 4 }, () => 'not_tried'),
    'resolved',
  ]);
  const { rows } = await pool.query('select count(*)::int as n from messages');
  expect(rows).toEqual([{ n: 10 }]);
});

it('tries a suspect apart from the beginning', async () => {
  const scene = await openScene();
  const { tenant, other, hasty } = scene;
  await scene.resolve(to(tenant, 'locked'));
  await lockChat(scene, 'locked');
  const { counted, connections } = countConnections(hasty);
  const batch = () => [to(tenant, 'locked'), to(other, 'free')];
  const isSuspect = ({ message }: Arrival) =>
    message.fingerprint === tenant.accounts.telegram.fingerprint;
  const { outcomes } = await resolveBatch(counted, batch(), { ...OPTIONS, isSuspect });
  expect(kinds(outcomes)).toEqual(['postgres_busy', 'resolved']);
  expect(connections()).toBe(2);
  await resolveBatch(counted, batch(), OPTIONS);
  expect(connections()).toBe(2 + 3);
});

it('tries one chat of a suspect that meets a lock, so that the others wait for one lock', async () => {
  const scene = await openScene();
  const { tenant, other, hasty, pool } = scene;
  const chats = Array.from({ length: 16 }, (_, at) => `chat ${at}`);
  await scene.resolve(...chats.map((chat) => to(tenant, chat)));
  await lock(scene, 'select from dialogs where tenant_id = $1 for update', tenant.id);
  const { counted, connections } = countConnections(hasty);
  const isSuspect = ({ message }: Arrival) =>
    message.fingerprint === tenant.accounts.telegram.fingerprint;
  const batch = [...chats.map((chat) => to(tenant, chat)), to(other, 'free')];
  const { outcomes } = await resolveBatch(counted, batch, { ...OPTIONS, isSuspect });
  expect(kinds(outcomes)).toEqual([
    'postgres_busy',
    ...chats.slice(1).map(() => 'not_tried'),
    'resolved',
  ]);
  expect(connections()).toBe(2);
  expect((await pool.query('select from messages')).rowCount).toBe(chats.length + 1);
});

it('tries the rest of a suspect together if its first chat meets no lock', async () => {
  const scene = await openScene();
  const { tenant, hasty } = scene;
  const batch = [to(tenant, 'a'), to(tenant, 'b'), to(tenant, 'a'), to(tenant, 'c')];
  const { outcomes } = await resolveBatch(hasty, batch, { ...OPTIONS, isSuspect: () => true });
  expect(kinds(outcomes)).toEqual(['resolved', 'resolved', 'resolved', 'resolved']);
});

it('answers busy for every message where a table is locked, and stores them once it is free', async () => {
  const scene = await openScene();
  const { tenant, other, hasty, pool } = scene;
  const session = await pool.connect();
  await session.query(
    'begin; set local idle_in_transaction_session_timeout = 0; lock table messages in access exclusive mode',
  );
  const batch = [to(tenant, 'a'), to(other, 'b'), to(tenant, 'c')];
  const { outcomes } = await resolveBatch(hasty, batch, OPTIONS);
  expect(kinds(outcomes)).toEqual(['postgres_busy', 'postgres_busy', 'postgres_busy']);
  await session.query('rollback');
  session.release();
  const again = await resolveBatch(hasty, batch, OPTIONS);
  expect(kinds(again.outcomes)).toEqual(['resolved', 'resolved', 'resolved']);
});

it('throws at once if a batch cannot be resolved together', async () => {
  const scene = await openScene();
  const { tenant, other, hasty } = scene;
  await scene.resolve(to(tenant, 'locked'));
  await lockChat(scene, 'locked');
  const batch = [to(other, 'free'), to(tenant, 'locked')];
  await expect(resolveTogether(hasty, batch, OPTIONS)).rejects.toMatchObject({
    code: 'postgres_busy',
  });
  expect(await scene.count('messages')).toBe(1);
});
