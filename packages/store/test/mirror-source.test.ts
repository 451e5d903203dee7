import { MIRROR_KINDS, type MirrorBatch, type MirrorTurn } from '@contour/contract';
import { expect, it } from 'vitest';
import { switchTenant } from '../../../test/support/tenants.ts';
import { createMirrorSource, isMirrorBehind } from '../src/graph/mirror-source.ts';
import { arrival, type Bundle, openBundle } from './bundle.ts';

async function openMirror() {
  const bundle = await openBundle();
  const source = createMirrorSource(bundle.pool);
  const take = async (): Promise<MirrorTurn> => {
    const turn = await source.takeTurn(null, 0);
    if (turn === null) throw new Error('somebody else has the turn');
    return turn;
  };
  const read = async (): Promise<MirrorBatch> => (await source.readUnmirrored({}, 100)).batch;
  const markAll = async () => {
    const turn = await take();
    await source.mark(turn, await read());
    await source.endTurn(turn);
  };
  return { ...bundle, source, take, read, markAll };
}

const sizes = (batch: MirrorBatch) =>
  Object.fromEntries(
    [...MIRROR_KINDS, 'removals' as const].map((kind) => [kind, batch[kind].length]),
  );

const NOTHING = { clients: 0, identities: 0, dialogs: 0, removals: 0 };

const ivan = (bundle: Pick<Bundle, 'tenant'>) =>
  arrival(bundle.tenant, { external_chat_id: 'ivan', client_phone: '+79990001122' });

it('returns all rows of a new client, in the names of the graph, until they are marked', async () => {
  const mirror = await openMirror();
  await mirror.resolve(ivan(mirror));
  expect(await mirror.read()).toMatchObject({
    clients: [{ tenant_id: mirror.tenant.id, name: null, phone: '+79990001122' }],
    identities: [{ tenant_id: mirror.tenant.id, channel: 'telegram', external_id: 'ivan' }],
    dialogs: [{ tenant_id: mirror.tenant.id, channel: 'telegram', status: 'active' }],
    removals: [],
  });
  expect(await isMirrorBehind(mirror.pool)).toBe(true);
  await mirror.markAll();
  expect(sizes(await mirror.read())).toEqual(NOTHING);
  expect(await isMirrorBehind(mirror.pool)).toBe(false);
});

const changes: Array<[string, string, Partial<typeof NOTHING>]> = [
  ['a name', "update clients set name = 'Ivan'", { clients: 1 }],
  ['a phone', 'update clients set phone = null', { clients: 1 }],
  ['a closed dialog', 'update dialogs set status_id = 3', { dialogs: 1 }],
  ['a waiting dialog', 'update dialogs set status_id = 2', { dialogs: 1 }],
  ['what the graph does not show', 'update dialogs set last_seq = 9, vertical_id = 1', {}],
  ['the same name', 'update clients set name = name, updated_at = now()', {}],
  [
    'another external id',
    "update client_channels set external_id = 'b'",
    { identities: 1, removals: 1 },
  ],
];

it.for(changes)('notices a change of %s, whoever made it', async ([, sql, expected]) => {
  const mirror = await openMirror();
  await mirror.resolve(ivan(mirror));
  await mirror.markAll();
  await mirror.pool.query(sql);
  expect(sizes(await mirror.read())).toEqual({ ...NOTHING, ...expected });
});

it('returns nothing for a second message of a known client', async () => {
  const mirror = await openMirror();
  await mirror.resolve(ivan(mirror));
  await mirror.markAll();
  await mirror.resolve(ivan(mirror));
  expect(await isMirrorBehind(mirror.pool)).toBe(false);
});

it('marks neither rows that have changed since they were read nor locked rows', async () => {
  const mirror = await openMirror();
  for (const chat of ['a', 'b', 'c']) {
    await mirror.resolve(arrival(mirror.tenant, { external_chat_id: chat, client_name: chat }));
  }
  const batch = await mirror.read();
  await mirror.pool.query("update clients set name = 'z' where name = 'a'");
  const changing = await mirror.pool.connect();
  await changing.query("begin; select from clients where name = 'b' for update");
  expect(await mirror.source.mark(await mirror.take(), batch)).toBe(true);
  await changing.query('rollback');
  changing.release();
  const names = (await mirror.read()).clients.map(({ name }) => name);
  expect(names.sort()).toEqual(['b', 'z']);
});

it('gives one turn at a time, and marks nothing for a lost turn', async () => {
  const mirror = await openMirror();
  await mirror.resolve(ivan(mirror));
  const batch = await mirror.read();
  const lost = await mirror.take();
  expect(await mirror.source.takeTurn(null, 0)).toBeNull();
  await mirror.pool.query("update graph_turns set held_until = now() - interval '1 second'");
  const later = await mirror.take();
  expect(later.turn).toBeGreaterThan(lost.turn);
  expect(await mirror.source.mark(lost, batch)).toBe(false);
  expect(sizes(await mirror.read())).toEqual(sizes(batch));
  await mirror.source.endTurn(lost);
  expect(await mirror.source.takeTurn(null, 0)).toBeNull();
  expect(await mirror.source.mark(later, batch)).toBe(true);
});

it('gives a later turn than the graph has seen, also after a restore from a backup', async () => {
  const mirror = await openMirror();
  const turn = await mirror.take();
  expect((await mirror.source.takeTurn(turn, 500))?.turn).toBe(501);
});

it('notes deleted rows for removal, unless a row with the same key exists again', async () => {
  const mirror = await openMirror();
  await mirror.resolve(ivan(mirror));
  await mirror.markAll();
  await mirror.pool.query(`
    with gone as (delete from client_channels returning *)
    select * into kept from gone`);
  const deleted = await mirror.read();
  expect(deleted.removals).toMatchObject([
    { kind: 'identities', channel: 'telegram', id: 'ivan', isGone: true },
  ]);
  await mirror.pool.query('insert into client_channels select * from kept');
  expect((await mirror.read()).removals).toMatchObject([{ id: 'ivan', isGone: false }]);
  await mirror.markAll();
  expect(sizes(await mirror.read())).toEqual(NOTHING);
});

it('reads a backlog in pieces, the longest waiting rows first, and no row twice', async () => {
  const mirror = await openMirror();
  const chats = Array.from({ length: 7 }, (_, i) => `chat ${i}`);
  for (const chat of chats)
    await mirror.resolve(arrival(mirror.tenant, { external_chat_id: chat }));
  const seen: string[] = [];
  for (let after = {}; ; ) {
    const { batch, next } = await mirror.source.readUnmirrored(after, 3);
    if (batch.identities.length === 0) break;
    seen.push(...batch.identities.map(({ external_id }) => external_id));
    after = next;
  }
  expect(seen).toEqual(chats);
});

it('counts the waiting rows and measures the age of the oldest', async () => {
  const mirror = await openMirror();
  expect(await mirror.source.backlog()).toEqual({ rows: 0, oldestSeconds: 0 });
  await mirror.resolve(ivan(mirror));
  await mirror.pool.query("update dialogs set graph_changed_at = now() - interval '90 seconds'");
  const { rows, oldestSeconds } = await mirror.source.backlog();
  expect(rows).toBe(3);
  expect(oldestSeconds).toBeGreaterThanOrEqual(90);
});

it('recognises keys without a row, also keys that are no UUIDs', async () => {
  const mirror = await openMirror();
  await mirror.resolve(ivan(mirror));
  const [client] = (await mirror.read()).clients;
  if (client === undefined) throw new Error('there is no client');
  const key = { tenant_id: client.tenant_id, channel: '', id: client.client_id };
  const strange = [
    { ...key, id: key.id.toUpperCase() },
    { ...key, id: 'no uuid' },
    { ...key, tenant_id: '' },
  ];
  expect(await mirror.source.orphans('clients', [key, ...strange])).toEqual(strange);
  await mirror.source.noteRemovals('clients', strange.slice(0, 2));
  expect(await mirror.source.orphans('clients', strange)).toEqual(strange.slice(2));
});

it('reads a tenant in pages and removes marks', async () => {
  const mirror = await openMirror();
  for (const channel of ['telegram', 'vk', 'max']) {
    await mirror.resolve(arrival(mirror.tenant, { channel, external_chat_id: `on ${channel}` }));
  }
  await switchTenant(mirror.pool, mirror.tenant.id, false);
  const { source, tenant } = mirror;
  const first = await source.readPage('identities', tenant.id, null, 2);
  const second = await source.readPage('identities', tenant.id, first.at(-1) ?? null, 2);
  expect([...first, ...second].map((row) => row.external_id)).toEqual([
    'on telegram',
    'on vk',
    'on max',
  ]);
  expect(first.every((row) => !row.is_marked)).toBe(true);
  expect(await source.stillMarked('identities', first)).toEqual([]);
  await mirror.markAll();
  const shown = first.map(({ is_marked: _, ...row }) => row);
  expect(await source.stillMarked('identities', first)).toEqual(shown);
  await source.unmark('identities', first.slice(1));
  expect((await mirror.read()).identities.map((row) => row.external_id)).toEqual(['on vk']);
  expect(await source.countRows([tenant.id])).toBe(9);
});
