import { expect, it } from 'vitest';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import {
  type Attempt,
  type DueLane,
  dueShards,
  laneFacts,
  type PendingMessage,
  settle,
  takeDue,
} from '../src/lanes/index.ts';
import { reviveMessage } from '../src/messages/index.ts';
import { ANY, arrival, type Bundle, openBundle } from './bundle.ts';

async function takeAll(bundle: Bundle): Promise<DueLane[]> {
  return takeDue(bundle.pool, { ...ANY, shards: await dueShards(bundle.pool) });
}

async function takeOne(bundle: Bundle): Promise<DueLane> {
  const [lane] = await takeAll(bundle);
  if (lane === undefined) throw new Error('no lane is due');
  return lane;
}

const NOTHING = { attempts: [], emptied: [], postponed: [] };

function attemptsOn(messages: readonly PendingMessage[], status: Attempt['status']): Attempt[] {
  const error = status === 'dead' ? { code: 'http_400', ms: 1.6 } : null;
  return messages.map(({ tenantId, messageId, attempts: earlier }) => {
    return { tenantId, messageId, earlier, status, error };
  });
}

async function settleAll(bundle: Bundle, lane: DueLane, status: 'delivered' | 'dead') {
  const attempts = attemptsOn(lane.messages, status);
  await settle(bundle.pool, { ...NOTHING, attempts, emptied: [lane] });
}

it('reads the messages of a lane in order, a page at a time', async () => {
  const bundle = await openBundle();
  await bundle.resolve(...[1, 2, 3].map(() => arrival(bundle.tenant)));
  const shards = await dueShards(bundle.pool);
  const [lane] = await takeDue(bundle.pool, { ...ANY, shards, messagesPerLane: 2 });
  expect(lane?.messages.map((message) => message.seq)).toEqual([1, 2]);
});

it('removes a lane once its messages are settled', async () => {
  const bundle = await openBundle();
  await bundle.resolve(arrival(bundle.tenant), arrival(bundle.tenant));
  await settleAll(bundle, await takeOne(bundle), 'delivered');
  expect(await dueShards(bundle.pool)).toEqual([]);
  expect(await bundle.count('lanes')).toBe(0);
  expect(await bundle.count("messages where status = 'delivered' and attempts = 1")).toBe(2);
});

it('keeps a lane to which a message was added during its delivery', async () => {
  const bundle = await openBundle();
  await bundle.resolve(arrival(bundle.tenant));
  const lane = await takeOne(bundle);
  await bundle.resolve(arrival(bundle.tenant));
  const attempts = attemptsOn(lane.messages, 'delivered');
  await settle(bundle.pool, { ...NOTHING, attempts, emptied: [lane] });
  expect((await takeOne(bundle)).messages.map((m) => m.seq)).toEqual([2]);
});

it('does not make a lane due before its retry when a new message arrives', async () => {
  const bundle = await openBundle();
  await bundle.resolve(arrival(bundle.tenant));
  const lane = await takeOne(bundle);
  await settle(bundle.pool, { ...NOTHING, postponed: [{ lane, delayMs: 60_000 }] });
  await bundle.resolve(arrival(bundle.tenant));
  expect(await dueShards(bundle.pool)).toEqual([]);
  expect(await bundle.count('lanes')).toBe(1);
});

it('keeps a lane if an attempt failed in another run that took it, too', async () => {
  const bundle = await openBundle();
  await bundle.resolve(arrival(bundle.tenant));
  const lane = await takeOne(bundle);
  const attempts = attemptsOn(lane.messages, 'delivered');
  const failed = attempts.map((attempt) => ({ ...attempt, status: 'pending' as const }));
  await settle(bundle.pool, { ...NOTHING, attempts: failed, postponed: [{ lane, delayMs: 0 }] });
  await settle(bundle.pool, { ...NOTHING, attempts, emptied: [lane] });
  expect((await takeOne(bundle)).messages).toHaveLength(1);
});

it('skips dialogs that are taken already and tenants without room', async () => {
  const bundle = await openBundle();
  await bundle.resolve(arrival(bundle.tenant));
  const lane = await takeOne(bundle);
  const shards = await dueShards(bundle.pool);
  const without = (change: object) => takeDue(bundle.pool, { ...ANY, shards, ...change });
  expect(await without({ notDialogs: [lane.dialogId] })).toEqual([]);
  expect(await without({ rooms: [{ tenantId: lane.tenantId, room: 0 }] })).toEqual([]);
  expect(await without({})).toHaveLength(1);
});

it('keeps the lane of a revived message while another run removes it', async () => {
  const bundle = await openBundle();
  const [first, second] = [arrival(bundle.tenant), arrival(bundle.tenant)];
  await bundle.resolve(first);
  await settleAll(bundle, await takeOne(bundle), 'dead');
  await bundle.resolve(second);
  const taken = await takeOne(bundle);
  const message = { tenantId: bundle.tenant.id, messageId: first.message.messageId };
  expect((await reviveMessage(bundle.pool, message, 16)).shard).not.toBeNull();
  const attempts = attemptsOn(taken.messages, 'delivered');
  await settle(bundle.pool, { ...NOTHING, attempts, emptied: [taken] });
  expect((await takeOne(bundle)).messages.map((m) => m.seq)).toEqual([1]);
});

it('does not revive a message that is not dead', async () => {
  const bundle = await openBundle();
  const { message } = arrival(bundle.tenant);
  await bundle.resolve({ message, phone: null });
  const { messageId } = message;
  expect(await reviveMessage(bundle.pool, { tenantId: bundle.tenant.id, messageId }, 16)).toEqual({
    ...{ shard: null, attempts: 0, isKnown: true, hasLeft: false },
  });
});

it('computes the same shard when resolving and when reviving', async () => {
  const bundle = await openBundle();
  const chats = Array.from({ length: 20 }, (_, n) =>
    arrival(bundle.tenant, { external_chat_id: n }),
  );
  await bundle.resolve(...chats);
  const shardOf = async () =>
    (await bundle.pool.query('select dialog_id, shard from lanes order by 1')).rows;
  const before = await shardOf();
  await bundle.pool.query("update messages set status = 'dead'");
  await bundle.pool.query('delete from lanes');
  for (const { message } of chats) {
    await reviveMessage(
      bundle.pool,
      { tenantId: bundle.tenant.id, messageId: message.messageId },
      16,
    );
  }
  expect(await shardOf()).toEqual(before);
});

it('changes nothing when a settlement is written twice, even if the dialog has more messages by then', async () => {
  const bundle = await openBundle();
  const first = arrival(bundle.tenant);
  await bundle.resolve(first);
  await settleAll(bundle, await takeOne(bundle), 'dead');
  const id = { tenantId: bundle.tenant.id, messageId: first.message.messageId };
  await reviveMessage(bundle.pool, id, 16);

  const lane = await takeOne(bundle);
  const attempts = attemptsOn(lane.messages, 'dead');
  const settlement = { ...NOTHING, attempts, emptied: [lane] };
  await settle(bundle.pool, settlement);
  await reviveMessage(bundle.pool, id, 16);
  await bundle.resolve(arrival(bundle.tenant));
  await settle(bundle.pool, settlement);

  expect((await takeOne(bundle)).messages.map((m) => m.seq)).toEqual([1, 2]);
});

it('counts the attempts before a replay and those after it apart', async () => {
  const bundle = await openBundle();
  const first = arrival(bundle.tenant);
  await bundle.resolve(first);
  await settleAll(bundle, await takeOne(bundle), 'dead');
  const id = { tenantId: bundle.tenant.id, messageId: first.message.messageId };
  expect(await reviveMessage(bundle.pool, id, 16)).toMatchObject({ attempts: 1 });
  const [message] = (await takeOne(bundle)).messages;
  expect(message).toMatchObject({ attempts: 1, attemptsBefore: 1, lastError: 'http_400' });
});

it('takes the lanes of several shards, the oldest first, and also an empty lane', async () => {
  const bundle = await openBundle();
  const chats = Array.from({ length: 40 }, (_, chat) =>
    arrival(bundle.tenant, { external_chat_id: chat }),
  );
  await bundle.resolve(...chats);
  await bundle.pool.query(
    `update lanes set due_at = now() - interval '1 hour' where dialog_id = (select min(dialog_id::text) from lanes)::uuid`,
  );
  await bundle.pool.query(
    `update messages set status = 'dead' where dialog_id = (select dialog_id from lanes order by due_at limit 1)`,
  );
  const shards = await dueShards(bundle.pool);
  const all = await takeDue(bundle.pool, { ...ANY, shards });
  expect(all.map(({ messages }) => messages.length).join('')).toBe(`0${'1'.repeat(39)}`);
  const some = await takeDue(bundle.pool, { ...ANY, shards, lanes: 7 });
  expect(some).toHaveLength(7);
  expect(some[0]?.dialogId).toBe(all[0]?.dialogId);
});

it('takes as many lanes of a tenant as it has room for', async () => {
  const bundle = await openBundle();
  const other = await addTestTenant(bundle.pool);
  const chatsOf = (tenant: TestTenant) =>
    Array.from({ length: 5 }, (_, chat) => arrival(tenant, { external_chat_id: chat }));
  await bundle.resolve(...chatsOf(bundle.tenant), ...chatsOf(other));
  const shards = await dueShards(bundle.pool);
  const rooms = [{ tenantId: other.id, room: 1 }];
  const taken = await takeDue(bundle.pool, { ...ANY, shards, lanesPerTenant: 3, rooms });
  const count = (id: string) => taken.filter(({ tenantId }) => tenantId === id).length;
  expect([count(bundle.tenant.id), count(other.id)]).toEqual([3, 1]);
});

it('counts due lanes and lanes that wait for a retry, and measures the age of the oldest due one', async () => {
  const { pool, tenant, resolve } = await openBundle();
  expect(await laneFacts(pool)).toEqual({ due: 0, blocked: 0, oldestDueSeconds: 0 });
  await resolve(...['a', 'b', 'c'].map((chat) => arrival(tenant, { external_chat_id: chat })));
  await pool.query("update lanes set due_at = now() + interval '1 hour'");
  expect(await laneFacts(pool)).toEqual({ due: 0, blocked: 3, oldestDueSeconds: 0 });
  await pool.query(
    `update lanes set due_at = now() - interval '1 minute'
      where dialog_id in (select dialog_id from lanes limit 2)`,
  );
  const { due, blocked, oldestDueSeconds } = await laneFacts(pool);
  expect({ due, blocked }).toEqual({ due: 2, blocked: 1 });
  expect(oldestDueSeconds).toBeGreaterThanOrEqual(60);
  expect(oldestDueSeconds).toBeLessThan(120);
});
