import { expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { connectFailFast } from '../src/connection.ts';
import {
  createProducer,
  createStreamConsumer,
  type Handled,
  MAX_ENTRY_BYTES,
  type StreamEntry,
} from '../src/index.ts';
import { endEntries } from '../src/streams/end-entries.ts';
import { beat, giveUpShard, leave, release } from '../src/streams/leases.ts';
import { claimEntries, readEntries } from '../src/streams/read-entries.ts';
import { markTold } from '../src/streams/tally.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const STREAM = 'contour:resolve:0';
const LEASE = `${STREAM}:owner`;

const hold = (owner = 'me') => own.client.set(LEASE, owner);

async function add(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await own.client.xadd(STREAM, '*', 'message', `${n}`);
}

const readAs = (from: 'new' | 'left', count = 100) =>
  readEntries(own.client, { owner: 'me', shard: 0, from, count });

async function read(from: 'new' | 'left', count?: number) {
  const reading = await readAs(from, count);
  if (reading.kind !== 'read') throw new Error(`it says: ${reading.kind}`);
  return reading;
}

const idsOf = (entries: readonly StreamEntry[]) => entries.map(({ id }) => id);

const end = (entries: readonly StreamEntry[]) => endEntries(own.client, 0, idsOf(entries));

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

test('shards are dealt out evenly, and again when somebody comes or goes', async () => {
  const beatAll = async (ids: string[]) => {
    const held: boolean[][] = [];
    for (const id of ids) {
      const states = await beat(own.client, id, 4);
      for (const [shard, state] of states.entries()) {
        if (state === 'unwanted') await release(own.client, id, shard);
      }
      held.push(states.map((state) => state === 'held'));
    }
    return held;
  };
  /** The first beat makes a worker known, the second makes the others let go, the third takes. */
  const states = async (...ids: string[]) => {
    await beatAll(ids);
    await beatAll(ids);
    return beatAll(ids);
  };
  expect(await states('a')).toEqual([[true, true, true, true]]);
  expect(await states('a', 'b')).toEqual([
    [true, false, true, false],
    [false, true, false, true],
  ]);
  await leave(own.client, 'a');
  for (const shard of [0, 2]) await release(own.client, 'a', shard);
  expect(await states('b')).toEqual([[true, true, true, true]]);
});

test('a shard that a worker is stuck with goes to the next one, and the others stay', async () => {
  const { client } = own;
  const states = async (...ids: string[]) => {
    const all = [];
    for (const id of ids) all.push(await beat(client, id, 4));
    return all;
  };
  await client.zadd('contour:stream-workers', Date.now(), 'a', Date.now(), 'b');
  expect(await states('a', 'b')).toEqual([
    ['held', 'others', 'held', 'others'],
    ['others', 'held', 'others', 'held'],
  ]);
  await giveUpShard(client, 'a', 2);
  expect(await states('a', 'b')).toEqual([
    ['held', 'others', 'others', 'others'],
    ['others', 'held', 'held', 'held'],
  ]);
  expect(await client.pttl('contour:resolve:2:avoid')).toBeGreaterThan(14_000);
  await client.del('contour:resolve:2:avoid');
  expect(await states('b', 'a')).toEqual([
    ['others', 'held', 'unwanted', 'held'],
    ['held', 'others', 'others', 'others'],
  ]);
});

test('the only worker keeps a shard that it is stuck with', async () => {
  await beat(own.client, 'a', 1);
  await giveUpShard(own.client, 'a', 0);
  expect(await beat(own.client, 'a', 1)).toEqual(['held']);
});

test('only the owner reads', async () => {
  await add(1);
  expect((await readAs('new')).kind).toBe('not ours');
  await hold('another');
  expect((await readAs('new')).kind).toBe('not ours');
  await hold();
  expect((await read('new')).entries).toHaveLength(1);
});

test('nothing new is read while something is pending', async () => {
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
  const again = { owner: 'me', shard: 0, count: 1 } as const;
  expect(await readEntries(own.client, { ...again, from: 'new', held: 1 })).toMatchObject({
    kind: 'read',
    entries: [{ deliveries: 1 }],
  });
  expect((await readEntries(own.client, { ...again, from: 'new', held: 1 })).kind).toBe(
    'left first',
  );
  const [id = ''] = idsOf(first.entries);
  const held = [{ id, deliveries: 1 }];
  expect(await claimEntries(own.client, { ...again, held })).toMatchObject([{ id, deliveries: 2 }]);
  await own.client.xdel(STREAM, id);
  expect(await claimEntries(own.client, { ...again, held })).toEqual([]);
  await own.client.set(LEASE, 'another');
  expect(await claimEntries(own.client, { ...again, held })).toBeNull();
});

test('pending entries are read on behind the last one, each with its own deliveries', async () => {
  await hold();
  await add(4);
  const [one = '', two = '', three = ''] = idsOf((await read('new')).entries);
  await own.client.xclaim(STREAM, 'contour', 'owner', 0, two, 'RETRYCOUNT', 2, 'JUSTID');
  await own.client.xclaim(STREAM, 'contour', 'owner', 0, three, 'RETRYCOUNT', 5, 'JUSTID');
  const left = async (after: string) => {
    const options = { owner: 'me', shard: 0, count: 10, from: 'left', after } as const;
    const reading = await readEntries(own.client, options);
    if (reading.kind !== 'read') throw new Error(`it says: ${reading.kind}`);
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

test('a batch has 8 MB at most, in its order, and what is left of it is the same batch', async () => {
  await hold();
  const body = 'x'.repeat(256_000);
  for (let n = 0; n < 40; n += 1) await own.client.xadd(STREAM, '*', 'message', `${n} ${body}`);
  const numbersOf = (entries: readonly StreamEntry[]) =>
    entries.map(({ message }) => Number(message?.toString().split(' ')[0]));
  const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
  const { entries } = await read('new', 256);
  expect(numbersOf(entries)).toEqual(upTo(0, 32));
  const left = await read('left', 256);
  expect(numbersOf(left.entries)).toEqual(upTo(0, 32));
  expect(left.entries.every(({ deliveries }) => deliveries === 2)).toBe(true);
  await end(left.entries);
  expect(numbersOf((await read('new', 256)).entries)).toEqual(upTo(32, 40));
});

test('small entries are read as many as are asked for, in their order', async () => {
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

test('what is trimmed away unread is lost, what was done is not, and it is told until that is noted', async () => {
  await hold();
  await add(10);
  await readAndEnd(4);
  await own.client.xtrim(STREAM, 'MAXLEN', 1);
  expect(await lost()).toBe(5);
  const loss = { entries: 5, wasDeleted: false, total: { entries: 5, deletions: 0 } };
  expect((await read('new')).loss).toEqual(loss);
  await end((await read('left')).entries);
  expect((await read('new')).loss).toEqual(loss);
  await markTold(own.client, 0, loss);
  await markTold(own.client, 0, loss); // its first answer may have been lost
  expect((await read('new')).loss).toBeNull();
  expect(await lost()).toBe(5);
});

test('what is trimmed away while it is in hand counts as done when it gets through', async () => {
  await hold();
  await add(10);
  const { entries } = await read('new');
  await own.client.xtrim(STREAM, 'MAXLEN', 0);
  await end(entries);
  expect(await lost()).toBe(0);
});

test('what is trimmed away while it is pending is lost, and what comes behind it is found', async () => {
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

test('a destroyed group loses nothing and hands everything out again', async () => {
  await hold();
  await add(10);
  await readAndEnd(4);
  await read('new', 2);
  await own.client.xgroup('DESTROY', STREAM, 'contour');
  expect(await readAndEnd()).toBe(6);
  expect(await lost()).toBe(0);
});

test('a deleted stream is told, with what the last look had seen, even when it has grown past it since', async () => {
  await hold();
  await add(10);
  await readAndEnd(4);
  await read('new', 0);
  await own.client.del(STREAM);
  await add(20);
  const loss = { entries: 6, wasDeleted: true, total: { entries: 6, deletions: 1 } };
  expect(await read('new')).toMatchObject({ loss });
  await markTold(own.client, 0, loss);
  await markTold(own.client, 0, loss);
  await end((await read('left')).entries);
  expect((await read('new')).loss).toBeNull();
  expect(await lost()).toBe(6);
  await own.client.del(STREAM);
  expect((await read('new')).loss).toMatchObject({ entries: 0, wasDeleted: true });
});

test('a stream that is deleted with its first batch in hand, or after all of it was trimmed, is known as another', async () => {
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

test('an id that is no time does not become one', async () => {
  await hold();
  await own.client.xadd(STREAM, '1800000000000000000-0', 'message', '{}');
  const { entries } = await read('new');
  expect(Math.abs((entries[0]?.addedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
});

test('a stream of before is not a loss', async () => {
  await add(10);
  await own.client.xtrim(STREAM, 'MAXLEN', 3);
  await hold();
  expect(await readAndEnd()).toBe(3);
  expect(await lost()).toBe(0);
});

function consume(
  handle: (entries: StreamEntry[], heldChats: ReadonlySet<string>) => Promise<string[] | Handled>,
) {
  const failures: Error[] = [];
  const consumer = own.closing(
    createStreamConsumer({
      ...{ redisUrl: own.server.url, id: 'me', shardCount: 1, onError: own.onError },
      handle: async (...what) => {
        const handled = await handle(...what);
        return Array.isArray(handled) ? { ended: handled, held: [] } : handled;
      },
      onFailure: (error) => failures.push(error),
      onLoss: () => undefined,
    }),
  );
  consumer.start();
  return failures;
}

test('a tally that an older worker has written is read on from', async () => {
  await hold();
  await add(3);
  expect(await readAndEnd(2)).toBe(2);
  await own.client.hdel('contour:resolve:0:tally', 'removed', 'deletions', 'deletions_told');
  expect(await readAndEnd()).toBe(1);
  expect(await lost()).toBe(0);
});

test('what another consumer of the group leaves lying is taken over while the shard is at work', async () => {
  const seen: string[] = [];
  consume(async (entries) => {
    seen.push(...entries.map(({ message }) => `${message}`));
    return idsOf(entries);
  });
  await waitFor('the lease', async () => (await own.client.get(LEASE)) === 'me');
  await waitFor('the group', () => own.client.exists(STREAM));
  const id = `${Date.now() + 10_000}-0`;
  await own.client
    .multi()
    .xadd(STREAM, id, 'message', 'left lying')
    .xreadgroup('GROUP', 'contour', 'another', 'COUNT', 1, 'STREAMS', STREAM, '>')
    .xclaim(STREAM, 'contour', 'another', 0, id, 'IDLE', 60_000)
    .exec();
  await waitFor('it to be taken', () => seen.includes('left lying'));
});

test('a batch that fails comes again, is reported, and has not been tried in vain', async () => {
  const seen: string[] = [];
  const failures = consume(async (entries) => {
    seen.push(...entries.map(({ message, deliveries }) => `${message}×${deliveries}`));
    if (seen.length === 2) throw new Error('not now');
    return idsOf(entries);
  });
  await add(2);
  await waitFor('it to come again', async () => (await own.client.xlen(STREAM)) === 0);
  expect(seen).toEqual(['0×1', '1×1', '0×1', '1×1']);
  expect(failures.map(({ message }) => message)).toEqual(['not now']);
});

test('an entry that has not come to an end comes again, alone', async () => {
  const seen: string[] = [];
  consume(async (entries) => {
    seen.push(entries.map(({ message, deliveries }) => `${message}×${deliveries}`).join(' '));
    return idsOf(entries).slice(seen.length === 1 ? 1 : 0);
  });
  await own.client.set(LEASE, 'nobody', 'PX', 500);
  await add(3);
  await waitFor('it to come again', async () => (await own.client.xlen(STREAM)) === 0);
  expect(seen).toEqual(['0×1 1×1 2×1', '0×2']);
});

/** A handler for entries like `a1`, whose chat is the letter: one chat fails for as long as it is stuck. */
function handlerWith(stuck: Set<string>) {
  const done: string[] = [];
  const tried: string[] = [];
  const handle = async (entries: StreamEntry[], heldChats: ReadonlySet<string>) => {
    const handled: Handled = { ended: [], held: [] };
    const failed = new Set<string>();
    for (const { id, message, deliveries } of entries) {
      const text = `${message}`;
      const chat = text.slice(0, 1);
      const waits = heldChats.has(chat) || failed.has(chat);
      if (!waits) tried.push(`${text}×${deliveries}`);
      if (!waits && !stuck.has(chat)) {
        done.push(text);
        handled.ended.push(id);
        continue;
      }
      failed.add(chat);
      handled.held.push({ id, chat, counts: !waits });
    }
    return handled;
  };
  return { done, tried, handle };
}

const addAll = async (...texts: string[]) => {
  for (const text of texts) await own.client.xadd(STREAM, '*', 'message', text);
};

test('an entry that is held back keeps back its own chat, and no other', async () => {
  const stuck = new Set(['a']);
  const { done, tried, handle } = handlerWith(stuck);
  const failures = consume(handle);
  await addAll('a1', 'b1');
  await waitFor('the other chat', () => done.length === 1);
  await addAll('a2', 'b2');
  await waitFor('the next of the other chat', () => done.length === 2);
  expect(done).toEqual(['b1', 'b2']);
  await waitFor('a second try', () => tried.includes('a1×2'));
  stuck.clear();
  await addAll('a3', 'b3');
  await waitFor('the stream to be empty', async () => (await own.client.xlen(STREAM)) === 0);
  expect(done.filter((text) => text.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
  // What only waited was never counted.
  expect(tried.filter((text) => text.startsWith('a2'))).toEqual(['a2×1']);
  expect(failures).toEqual([]);
});

test('the next owner reads what was held back first, and in order', async () => {
  const first = handlerWith(new Set(['a']));
  consume(first.handle);
  await addAll('a1', 'b1', 'a2', 'b2', 'a3');
  await waitFor('the other chat', () => first.done.length === 2);
  await waitFor('three to be held', async () => (await own.client.xlen(STREAM)) === 3);
  const seen: string[] = [];
  const heir = createStreamConsumer({
    ...{ redisUrl: own.server.url, id: 'heir', shardCount: 1, onError: own.onError },
    handle: async (entries) => {
      seen.push(...entries.map(({ message }) => `${message}`));
      return { ended: idsOf(entries), held: [] };
    },
    onFailure: () => undefined,
    onLoss: () => undefined,
  });
  own.closing(heir).start();
  await waitFor('both to be known', async () => {
    return (await own.client.zcard('contour:stream-workers')) === 2;
  });
  await giveUpShard(own.client, 'me', 0);
  await addAll('b3');
  await waitFor('the stream to be empty', async () => (await own.client.xlen(STREAM)) === 0);
  expect(seen.filter((text) => text.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
});

test('a worker gives back a lease that it holds against the deal', async () => {
  const { client } = own;
  consume(async (entries) => idsOf(entries));
  await waitFor('the lease', async () => (await client.get(LEASE)) === 'me');
  const other = connectFailFast(own.server.url, own.onError);
  own.closing({ close: async () => other.disconnect() });
  await waitFor('the shard to move', async () => {
    const [state] = await other.ask(() => beat(other.client, 'a', 1));
    return state === 'held';
  });
  // As if its own giving back had not arrived.
  await client.set(LEASE, 'me', 'PX', 4_000);
  await waitFor(
    'the shard to come back',
    async () => {
      const [state] = await other.ask(() => beat(other.client, 'a', 1));
      return state === 'held';
    },
    { deadlineMs: 3_000 },
  );
});

test('a member whose time lies ahead, because the clock was set back, is none', async () => {
  const [seconds] = await own.client.time();
  await own.client.zadd('contour:stream-workers', (Number(seconds) + 60) * 1000, 'a dead one');
  expect(await beat(own.client, 'me', 2)).toEqual(['held', 'held']);
});

test('a full Redis is read empty', async () => {
  const { client } = own;
  const handled: number[] = [];
  await add(200);
  await client.config('SET', 'maxmemory', '1mb');
  await expect(client.set('more', 'x')).rejects.toThrow('OOM');
  try {
    consume(async (entries) => {
      handled.push(entries.length);
      return idsOf(entries);
    });
    await waitFor('the stream to be empty', async () => (await client.xlen(STREAM)) === 0);
    expect(handled.reduce((sum, n) => sum + n, 0)).toBe(200);
  } finally {
    await client.config('SET', 'maxmemory', '0');
  }
});

test('a worker that is stuck with a batch leaves its shards to others', async () => {
  let letGo = () => {};
  const stuck = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let inHand = 0;
  consume(async (entries) => {
    inHand += 1;
    await stuck;
    return idsOf(entries);
  });
  await add(1);
  await waitFor('the batch to be in hand', () => inHand === 1);
  const beats = () => beat(own.client, 'z', 1);
  await waitFor('the shard to be free', async () => (await beats())[0] === 'held', {
    deadlineMs: 30_000,
    everyMs: 500,
  });
  await leave(own.client, 'z');
  await release(own.client, 'z', 0);
  letGo();
  await waitFor('the first one to be back', async () => (await own.client.get(LEASE)) === 'me');
  await waitFor('the stream to be empty', async () => (await own.client.xlen(STREAM)) === 0);
}, 60_000);
