import { checkIncoming, type DlqEntry, messageIdOf, uuidv7 } from '@contour/contract';
import { createDlqIndex, type DlqIndex } from '@contour/queue/dlq';
import { type Allowance, clearParked, deadLetters, isMoved } from '@contour/store/dead-letters';
import { dueShards, settle, takeDue } from '@contour/store/lanes';
import { resolveBatch } from '@contour/store/resolve';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from 'vitest';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { withRedis } from '../../../test/support/redis-client.ts';
import { startTestRedis, type TestServer } from '../../../test/support/servers.ts';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { createDlq } from '../src/dlq/dlq.ts';
import { createIndexWriter, dlqDuties } from '../src/dlq/upkeep.ts';
import { uncounted } from './unheard.ts';

const told: string[] = [];
const note = (_: unknown, event: string) => void told.push(event);
const logger = { info: note, warn: note, error: note, debug: () => undefined } as never;

const ROOM: Allowance = { count: 1_000, bytes: 2 ** 30 };

let redis: TestServer;
let index: DlqIndex;
let queue: Queue;
let pool: Pool;
let tenant: TestTenant;
beforeAll(async () => {
  redis = await startTestRedis();
  index = createDlqIndex({ redisUrl: redis.url, onError: () => undefined });
  queue = new Queue('dlq', { connection: { url: redis.url } });
});
beforeEach(async () => {
  const database = await createDatabase(inject('postgresUrl'));
  onTestFinished(database.drop);
  pool = database.pool;
  tenant = await addTestTenant(pool);
  told.length = 0;
  await withRedis(redis.url, (run) => run('FLUSHALL'));
});
afterAll(async () => {
  await index?.close();
  await queue?.close();
  await redis?.close();
});

function messageOf(text = 'hello') {
  const checked = checkIncoming({
    channel: 'telegram',
    account_fingerprint: tenant.accounts.telegram.fingerprint,
    external_chat_id: 'chat',
    message_ids: [uuidv7()],
    text,
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
  return checked.message;
}

function entryOf(over: Partial<DlqEntry> = {}): DlqEntry {
  const message = over.message === undefined ? messageOf() : over.message;
  return {
    ...{ v: 1, id: message?.messageId ?? uuidv7(), reason: 'unknown_tenant', stage: 'resolve' },
    ...{ tenantId: null, clientId: null, dialogId: null, attempts: 1, message, raw: null },
    error: { code: 'unknown_tenant', message: 'no tenant has this credential' },
    failedAt: new Date().toISOString(),
    receivedAt: message?.receivedAt ?? new Date().toISOString(),
    ...over,
  };
}

/** The dead-letter queue of one worker. */
function openDlq(refused: Allowance = ROOM) {
  const forgotten: string[] = [];
  let dropped = 0;
  const indexWriter = createIndexWriter(pool, index, logger);
  const dlq = createDlq({
    ...{ pool, refused, logger, allowance: ROOM },
    show: () => undefined,
    forgetQueued: (id) => void forgotten.push(id),
    observer: {
      ...uncounted,
      dropped: (count) => {
        dropped += count;
      },
    },
  });
  const duties = dlqDuties({ pool, index, dlq, indexWriter, id: uuidv7(), logger });
  return {
    ...{ dlq, indexWriter, forgotten },
    dropped: () => dropped,
    perform: async (name: string) => duties.find((duty) => duty.name === name)?.run(),
  };
}

const shown = async () =>
  (await queue.getJobs(['prioritized'], 0, 1_000, true)).map(({ id }) => id);

const parkedIds = async () =>
  (await deadLetters(pool).list({}, { limit: 200 })).items.map(({ id }) => id);

async function deadMessage(): Promise<string> {
  const message = messageOf();
  await resolveBatch(pool, [{ message, phone: null }], { linkByPhone: true, shardCount: 1 });
  const limits = { lanes: 9, messagesPerLane: 9, lanesPerTenant: 9, notDialogs: [], rooms: [] };
  const lanes = await takeDue(pool, { ...limits, shards: await dueShards(pool) });
  const key = { tenantId: tenant.id, messageId: message.messageId };
  const attempt = {
    ...key,
    earlier: 0,
    status: 'dead' as const,
    error: { code: 'http_400', ms: 1 },
  };
  await settle(pool, { attempts: [attempt], emptied: lanes, postponed: [] });
  return message.messageId;
}

test('a parked message is no longer queued, and Redis shows it without its content', async () => {
  const { dlq, indexWriter, forgotten } = openDlq();
  const one = entryOf({ message: messageOf('a private text') });
  expect(await dlq.park(one)).toBe('parked');
  const dead = await deadMessage();
  expect(forgotten).toEqual([one.id]);
  await indexWriter.run();
  expect(await shown()).toEqual([one.id, dead]);
  const [job] = await queue.getJobs(['prioritized'], 0, 1, true);
  expect(job?.data).toMatchObject({
    id: one.id,
    reason: 'unknown_tenant',
    error: 'unknown_tenant',
  });
  expect(JSON.stringify(job?.data)).not.toMatch(/private|chat|fingerprint/);

  const read = await dlq.read(one.id);
  expect(await dlq.remove(one.id, read?.version ?? '')).toBe(true);
  await clearParked(pool, { reason: 'core_refused' });
  await indexWriter.run();
  expect(await shown()).toEqual([]);
});

test('messages that are parked at once keep their order', async () => {
  const { dlq } = openDlq();
  const entries = Array.from({ length: 150 }, () => entryOf());
  await Promise.all(entries.map((one) => dlq.park(one)));
  expect(await parkedIds()).toEqual(entries.map(({ id }) => id));
});

test('messages are parked while Redis is full or away', async () => {
  const away = createDlqIndex({ redisUrl: 'redis://127.0.0.1:1', onError: () => undefined });
  onTestFinished(() => away.close());
  const indexWriter = createIndexWriter(pool, away, logger);
  const dlq = createDlq({
    ...{ pool, refused: ROOM, logger, allowance: ROOM, show: indexWriter.soon },
    ...{ forgetQueued: () => undefined, observer: uncounted },
  });
  const one = entryOf();
  expect(await dlq.park(one)).toBe('parked');
  await expect(indexWriter.run()).rejects.toMatchObject({ code: 'redis_unavailable' });
  expect(await parkedIds()).toEqual([one.id]);
  await openDlq().indexWriter.run();
  expect(await shown()).toEqual([one.id]);
});

test('a flood of made-up credentials stays within the bound, and drops nothing that was accepted', async () => {
  const bound = { count: 50, bytes: 400_000 };
  const { dlq, dropped, perform } = openDlq(bound);
  const accepted = entryOf();
  await dlq.park(accepted);
  const dead = await deadMessage();
  const text = 'x'.repeat(10_000);
  for (let n = 0; n < 200; n += 1) {
    const message = { ...messageOf(text), fingerprint: n.toString(16).padStart(64, '0') };
    expect(await dlq.park(entryOf({ message }), { wasRefused: true })).toBe('parked');
  }
  await perform('dlq-bound');
  const { rows } = await pool.query<{ n: number; bytes: number }>(
    'select count(*)::int as n, sum(bytes)::int as bytes from parked where was_refused',
  );
  expect(rows[0]?.bytes).toBeLessThanOrEqual(bound.bytes);
  expect(rows[0]?.bytes).toBeGreaterThan(bound.bytes - 12_000);
  expect(dropped()).toBe(200 - (rows[0]?.n ?? 0));
  expect((await parkedIds()).slice(0, 2)).toEqual([accepted.id, dead]);
});

test('between two checks the bound is exceeded by a sixteenth at most', async () => {
  const { dlq } = openDlq({ count: 160, bytes: 2 ** 30 });
  for (let n = 0; n < 400; n += 1) await dlq.park(entryOf(), { wasRefused: true });
  expect((await parkedIds()).length).toBeLessThanOrEqual(171);
});

test('a Redis that was wiped shows everything again', async () => {
  const { dlq, perform, indexWriter } = openDlq();
  const entries = Array.from({ length: 5 }, () => entryOf());
  for (const one of entries) await dlq.park(one);
  await perform('dlq-sweep');
  await indexWriter.run();
  expect(await shown()).toHaveLength(5);
  await withRedis(redis.url, (run) => run('FLUSHALL'));
  await pool.query("update parked_turns set held_until = '-infinity'");
  await perform('dlq-sweep');
  expect(await shown()).toEqual(entries.map(({ id }) => id));
  expect(told).toContain('dlq.index_mended');
});

test('a job that was removed by hand is added again, and a job without an entry is removed', async () => {
  const { dlq, perform, indexWriter } = openDlq();
  const [kept, removed, gone] = [entryOf(), entryOf(), entryOf()];
  for (const one of [kept, removed, gone]) await dlq.park(one);
  await perform('dlq-sweep');
  await indexWriter.run();
  await queue.remove(removed.id);
  await pool.query('delete from parked where id = $1', [gone.id]);
  await pool.query("update parked_turns set held_until = '-infinity'");
  await perform('dlq-sweep');
  await indexWriter.run();
  expect(await shown()).toEqual([kept.id, removed.id]);
});

/** Parks entries as an earlier version does, in a Redis that has lost nothing. */
async function parkFormer(...entries: DlqEntry[]): Promise<void> {
  for (const one of entries) await queue.add(one.reason, one, { jobId: one.id, priority: 1 });
  await withRedis(redis.url, async (run) => {
    const info = String(await run('INFO', 'server'));
    await run('SET', 'contour:dlq:kept', /run_id:(\S+)/.exec(info)?.[1] ?? '');
  });
}

test('entries of an earlier version move to Postgres, and Redis shows them without their bodies', async () => {
  const { perform, indexWriter } = openDlq();
  const unknown = entryOf({ message: messageOf('a private text') });
  const raw = entryOf({
    ...{ message: null, raw: '{"channel":7}', reason: 'invalid' },
    id: messageIdOf({ channel: 'job', fingerprint: '', externalChatId: '1', messageIds: [] }),
  });
  const died = await deadMessage();
  const cleared = await deadMessage();
  await clearParked(pool, {});
  const death = { stage: 'deliver', reason: 'core_refused', tenantId: tenant.id } as const;
  const pending = messageOf();
  await resolveBatch(pool, [{ message: pending, phone: null }], {
    linkByPhone: true,
    shardCount: 1,
  });
  await parkFormer(
    unknown,
    raw,
    entryOf({ ...death, id: died }),
    entryOf({ ...death, id: pending.messageId }),
  );
  await perform('dlq-sweep');
  await indexWriter.run();
  expect(await parkedIds()).toEqual([unknown.id, raw.id, died]);
  expect(await deadLetters(pool).get(unknown.id)).toEqual(unknown);
  expect(await deadLetters(pool).get(raw.id)).toEqual(raw);
  expect(await deadLetters(pool).get(died)).toMatchObject({
    stage: 'deliver',
    message: { text: 'hello' },
  });
  // An entry that an operator cleared stays cleared, and the entry of a message that is not dead yet stays in Redis.
  expect(await deadLetters(pool).get(cleared)).toBeNull();
  expect((await shown()).toSorted()).toEqual(
    [unknown.id, raw.id, died, pending.messageId].toSorted(),
  );
  const dump = await withRedis(redis.url, (run) => run('HGET', `bull:dlq:${unknown.id}`, 'data'));
  expect(String(dump)).not.toContain('private');
  expect(await isMoved(pool)).toBe(true);
});

test('an entry that an older worker parks meanwhile is moved soon, too', async () => {
  const { perform } = openDlq();
  await perform('dlq-sweep');
  const late = entryOf();
  await queue.add(late.reason, late, { jobId: late.id, priority: 1 });
  await perform('dlq-sweep');
  expect(await parkedIds()).toEqual([late.id]);
});

test('if Redis was wiped before the move, dead messages get their entries from the ledger', async () => {
  const died = await deadMessage();
  await clearParked(pool, {});
  const { perform } = openDlq();
  await perform('dlq-sweep');
  expect(await parkedIds()).toEqual([died]);
  // This happens once: from then on entries are not lost.
  await clearParked(pool, {});
  await withRedis(redis.url, (run) => run('FLUSHALL'));
  await pool.query("update parked_turns set held_until = '-infinity'");
  await perform('dlq-sweep');
  expect(await parkedIds()).toEqual([]);
});
