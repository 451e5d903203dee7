import { expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createProducer } from '../src/producer.ts';
import { openShard } from '../src/streams/entries.ts';
import { MAX_ENTRY_BYTES, type StreamEntry } from '../src/streams/index.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const STREAM = 'contour:resolve:0';
const LEASE = `${STREAM}:owner`;

const hold = (owner = 'me') => own.client.set(LEASE, owner);

async function add(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await own.client.xadd(STREAM, '*', 'message', `${n}`);
}

const shardOf = () => openShard({ client: own.client, ask: (work) => work() }, 'me', 0);

const readAs = (from: 'new' | 'left', count = 100) => shardOf().read({ from, count });

async function read(from: 'new' | 'left', count?: number) {
  const reading = await readAs(from, count);
  if (reading.kind !== 'read') throw new Error(`the reading is "${reading.kind}"`);
  return reading;
}

const idsOf = (entries: readonly StreamEntry[]) => entries.map(({ id }) => id);

const end = (entries: readonly StreamEntry[]) => shardOf().end(idsOf(entries));

async function readAndEnd(count?: number): Promise<number> {
  const { entries } = await read('new', count);
  await end(entries);
  return entries.length;
}

async function lost(): Promise<number> {
  const producer = own.closing(createProducer({ redisUrl: own.server.url, onError: own.onError }));
  const [facts] = await waitFor('the facts', () => producer.streamFacts(1));
  return facts?.lost ?? -1;
}

test('only the owner reads', async () => {
  await add(1);
  expect((await readAs('new')).kind).toBe('not ours');
  await hold('another');
  expect((await readAs('new')).kind).toBe('not ours');
  await hold();
  expect((await read('new')).entries).toHaveLength(1);
});

test("no new entry is read while a former owner's entry is pending", async () => {
  await hold();
  await add(2);
  const first = await read('new', 1);
  expect((await readAs('new')).kind).toBe('left first');
  const again = await read('left');
  expect(again.entries.map(({ id, deliveries }) => [id, deliveries])).toEqual([
    [first.entries[0]?.id, 2],
  ]);
  await end(again.entries);
  expect((await read('new')).entries).toHaveLength(1);
});

test('new entries are read while the owner holds all that is pending', async () => {
  await hold();
  await add(3);
  const first = await read('new', 1);
  const shard = shardOf();
  const next = { from: 'new', count: 1, held: 1 } as const;
  expect(await shard.read(next)).toMatchObject({ kind: 'read', entries: [{ deliveries: 1 }] });
  expect((await shard.read(next)).kind).toBe('left first');
  const [id = ''] = idsOf(first.entries);
  const held = [{ id, deliveries: 1 }];
  expect(await shard.claim(held)).toMatchObject([{ id, deliveries: 2 }]);
  await own.client.xdel(STREAM, id);
  expect(await shard.claim(held)).toEqual([]);
  await own.client.set(LEASE, 'another');
  expect(await shard.claim(held)).toBeNull();
});

test('pending entries are read in order after an id, each with its own count of deliveries', async () => {
  await hold();
  await add(4);
  const [one = '', two = '', three = ''] = idsOf((await read('new')).entries);
  await own.client.xclaim(STREAM, 'contour', 'owner', 0, two, 'RETRYCOUNT', 2, 'JUSTID');
  await own.client.xclaim(STREAM, 'contour', 'owner', 0, three, 'RETRYCOUNT', 5, 'JUSTID');
  const left = async (after: string) => {
    const reading = await shardOf().read({ from: 'left', count: 10, after });
    if (reading.kind !== 'read') throw new Error(`the reading is "${reading.kind}"`);
    return reading.entries.map(({ message, deliveries }) => `${message}×${deliveries}`);
  };
  expect(await left('0-0')).toEqual(['0×2', '1×3']);
  expect(await left(one)).toEqual(['1×4']);
  expect(await left(two)).toEqual(['2×6']);
  expect(await left(three)).toEqual(['3×2']);
});

/** How many bytes Redis has sent so far. */
async function sentBytes(): Promise<number> {
  const info = await own.client.info('stats');
  return Number(/total_net_output_bytes:(\d+)/.exec(info)?.[1]);
}

test('a batch has at most 1 MB, and is the same batch when it is read again', async () => {
  await hold();
  const body = 'x'.repeat(256_000);
  for (let n = 0; n < 7; n += 1) await own.client.xadd(STREAM, '*', 'message', `${n} ${body}`);
  const numbersOf = (entries: readonly StreamEntry[]) =>
    entries.map(({ message }) => Number(message?.toString().split(' ')[0]));
  const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
  const { entries } = await read('new', 256);
  expect(numbersOf(entries)).toEqual(upTo(0, 4));
  const left = await read('left', 256);
  expect(numbersOf(left.entries)).toEqual(upTo(0, 4));
  expect(left.entries.every(({ deliveries }) => deliveries === 2)).toBe(true);
  await end(left.entries);
  expect(numbersOf((await read('new', 256)).entries)).toEqual(upTo(4, 7));
});

test('as many small entries are read as are asked for, in order', async () => {
  await hold();
  await add(300);
  const { entries } = await read('new', 256);
  expect(entries.map(({ message }) => Number(message))).toEqual([...Array(256).keys()]);
  expect(idsOf((await read('left', 256)).entries)).toEqual(idsOf(entries));
});

test('only the length of an oversized entry is read, and the others are read with it', async () => {
  await hold();
  const longest = 'x'.repeat(MAX_ENTRY_BYTES);
  await own.client.xadd(STREAM, '*', 'message', longest);
  for (let n = 0; n < 50; n += 1) {
    await own.client.xadd(STREAM, '*', 'other', longest, 'message', `${longest}ж`);
  }
  await own.client.xadd(STREAM, '*', 'other', longest);
  await add(1);
  const before = await sentBytes();
  const { entries, trimmed } = await read('new', 256);
  expect(entries.map(({ message }) => message?.length)).toEqual([
    MAX_ENTRY_BYTES,
    ...Array(50).fill(MAX_ENTRY_BYTES + 2),
    undefined,
    1,
  ]);
  expect(String(entries[1]?.message)).toBe('(262146 characters)');
  expect((await sentBytes()) - before).toBeLessThan(MAX_ENTRY_BYTES + 20_000);
  expect(trimmed).toEqual([]);
  await end(entries);
  expect((await read('new')).entries).toEqual([]);
  expect(await lost()).toBe(0);
});

test('unread entries that were trimmed are lost, and reported until the report is noted', async () => {
  await hold();
  await add(10);
  await readAndEnd(4);
  await own.client.xtrim(STREAM, 'MAXLEN', 1);
  expect(await lost()).toBe(5);
  const loss = { entries: 5, wasDeleted: false, total: { entries: 5, deletions: 0 } };
  expect((await read('new')).loss).toEqual(loss);
  await end((await read('left')).entries);
  expect((await read('new')).loss).toEqual(loss);
  await shardOf().markReported(loss);
  await shardOf().markReported(loss); // its first answer may have been lost
  expect((await read('new')).loss).toBeNull();
  expect(await lost()).toBe(5);
});

test('an entry that is trimmed while it is handled counts as done', async () => {
  await hold();
  await add(10);
  const { entries } = await read('new');
  await own.client.xtrim(STREAM, 'MAXLEN', 0);
  await end(entries);
  expect(await lost()).toBe(0);
});

test('pending entries that were trimmed are lost, and the entries behind them are found', async () => {
  await hold();
  await add(300);
  await read('new', 200);
  await own.client.xtrim(STREAM, 'MAXLEN', 150);
  const found: string[] = [];
  for (;;) {
    const { trimmed, entries } = await read('left', 100);
    if (trimmed.length + entries.length === 0) break;
    if (trimmed.length > 0) await own.client.xack(STREAM, 'contour', ...trimmed);
    await end(entries);
    found.push(...entries.map(({ message }) => `${message}`));
  }
  expect(found).toEqual(Array.from({ length: 50 }, (_, n) => `${150 + n}`));
  expect(await lost()).toBe(150);
});

test('a destroyed group loses nothing and delivers everything again', async () => {
  await hold();
  await add(10);
  await readAndEnd(4);
  await read('new', 2);
  await own.client.xgroup('DESTROY', STREAM, 'contour');
  expect(await readAndEnd()).toBe(6);
  expect(await lost()).toBe(0);
});

test('a deleted stream is reported with what the last look saw, also after it has outgrown that', async () => {
  await hold();
  await add(10);
  await readAndEnd(4);
  await read('new', 0);
  await own.client.del(STREAM);
  await add(20);
  const loss = { entries: 6, wasDeleted: true, total: { entries: 6, deletions: 1 } };
  expect(await read('new')).toMatchObject({ loss });
  await shardOf().markReported(loss);
  await shardOf().markReported(loss);
  await end((await read('left')).entries);
  expect((await read('new')).loss).toBeNull();
  expect(await lost()).toBe(6);
  await own.client.del(STREAM);
  expect((await read('new')).loss).toMatchObject({ entries: 0, wasDeleted: true });
});

test('a stream that was deleted during its first batch, or after it was trimmed, is recognised as a new one', async () => {
  await hold();
  await add(10);
  await read('new');
  await own.client.del(STREAM);
  await add(15);
  expect((await read('new')).loss).toMatchObject({ entries: 10, wasDeleted: true });
  const { entries } = await read('left');
  await own.client.xtrim(STREAM, 'MAXLEN', 0);
  await end(entries);
  await own.client.del(STREAM);
  await add(30);
  await own.client.xtrim(STREAM, 'MAXLEN', 10);
  expect((await read('new')).loss?.total).toEqual({ entries: 30, deletions: 2 });
});

test('an id that is not a plausible time counts as the present', async () => {
  await hold();
  await own.client.xadd(STREAM, '1800000000000000000-0', 'message', '{}');
  const { entries } = await read('new');
  expect(Math.abs((entries[0]?.addedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
});

test('a stream without a tally has lost nothing', async () => {
  await add(10);
  await own.client.xtrim(STREAM, 'MAXLEN', 3);
  await hold();
  expect(await readAndEnd()).toBe(3);
  expect(await lost()).toBe(0);
});

test('a tally that an older worker wrote is continued', async () => {
  await hold();
  await add(3);
  expect(await readAndEnd(2)).toBe(2);
  await own.client.hdel('contour:resolve:0:tally', 'removed', 'deletions', 'deletions_told');
  expect(await readAndEnd()).toBe(1);
  expect(await lost()).toBe(0);
});
