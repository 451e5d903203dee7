import { expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { giveUpShard, leaseShards, leaveShards, releaseShard } from '../src/presence/leases.ts';
import { connectFailFast } from '../src/redis/connect.ts';
import { type BatchOutcome, createStreamConsumer, type StreamEntry } from '../src/streams/index.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const STREAM = 'contour:resolve:0';
const LEASE = `${STREAM}:owner`;

async function add(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await own.client.xadd(STREAM, '*', 'message', `${n}`);
}

const idsOf = (entries: readonly StreamEntry[]) => entries.map(({ id }) => id);

function consume(
  handle: (
    entries: StreamEntry[],
    heldChats: ReadonlySet<string>,
  ) => Promise<string[] | BatchOutcome>,
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

test('an entry that another consumer left pending is claimed', async () => {
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
    .xadd(STREAM, id, 'message', 'left pending')
    .xreadgroup('GROUP', 'contour', 'another', 'COUNT', 1, 'STREAMS', STREAM, '>')
    .xclaim(STREAM, 'contour', 'another', 0, id, 'IDLE', 60_000)
    .exec();
  await waitFor('the entry to be claimed', () => seen.includes('left pending'));
});

test('a batch that fails is reported and delivered again, and this delivery does not count', async () => {
  const seen: string[] = [];
  const failures = consume(async (entries) => {
    seen.push(...entries.map(({ message, deliveries }) => `${message}×${deliveries}`));
    if (seen.length === 2) throw new Error('not now');
    return idsOf(entries);
  });
  await add(2);
  await waitFor('the stream to be empty', async () => (await own.client.xlen(STREAM)) === 0);
  expect(seen).toEqual(['0×1', '1×1', '0×1', '1×1']);
  expect(failures.map(({ message }) => message)).toEqual(['not now']);
});

test('an entry that has not ended is delivered again alone', async () => {
  const seen: string[] = [];
  consume(async (entries) => {
    seen.push(entries.map(({ message, deliveries }) => `${message}×${deliveries}`).join(' '));
    return idsOf(entries).slice(seen.length === 1 ? 1 : 0);
  });
  await own.client.set(LEASE, 'another', 'PX', 500);
  await add(3);
  await waitFor('the stream to be empty', async () => (await own.client.xlen(STREAM)) === 0);
  expect(seen).toEqual(['0×1 1×1 2×1', '0×2']);
});

/** A handler for entries like `a1`, whose chat is the letter: one chat fails for as long as it is stuck. */
function handlerWith(stuck: Set<string>) {
  const done: string[] = [];
  const tried: string[] = [];
  const handle = async (entries: StreamEntry[], heldChats: ReadonlySet<string>) => {
    const handled: BatchOutcome = { ended: [], held: [] };
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

test('a held entry holds the later entries of its chat, and no others', async () => {
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
  // The deliveries of an entry that only waited do not count.
  expect(tried.filter((text) => text.startsWith('a2'))).toEqual(['a2×1']);
  expect(failures).toEqual([]);
});

test('the next owner reads held entries first, and in order', async () => {
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
  await waitFor('both members', async () => {
    return (await own.client.zcard('contour:stream-workers')) === 2;
  });
  await giveUpShard(own.client, 'me', 0);
  await addAll('b3');
  await waitFor('the stream to be empty', async () => (await own.client.xlen(STREAM)) === 0);
  expect(seen.filter((text) => text.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
});

test('a worker releases a lease on a shard that falls to another worker', async () => {
  const { client } = own;
  consume(async (entries) => idsOf(entries));
  await waitFor('the lease', async () => (await client.get(LEASE)) === 'me');
  const other = connectFailFast({ redisUrl: own.server.url, onError: own.onError });
  own.closing({ close: async () => other.disconnect() });
  await waitFor('the shard to move', async () => {
    const [state] = await other.ask(() => leaseShards(other.client, 'a', 1));
    return state === 'held';
  });
  // As if its release had not reached Redis.
  await client.set(LEASE, 'me', 'PX', 4_000);
  await waitFor(
    'the shard to come back',
    async () => {
      const [state] = await other.ask(() => leaseShards(other.client, 'a', 1));
      return state === 'held';
    },
    { deadlineMs: 3_000 },
  );
});

test('the stream of a full Redis is emptied', async () => {
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

test('a worker that is stuck with a batch gives up its shard', async () => {
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
  const beats = () => leaseShards(own.client, 'z', 1);
  await waitFor('the shard to be free', async () => (await beats())[0] === 'held', {
    deadlineMs: 30_000,
    everyMs: 500,
  });
  await leaveShards(own.client, 'z');
  await releaseShard(own.client, 'z', 0);
  letGo();
  await waitFor('the first one to be back', async () => (await own.client.get(LEASE)) === 'me');
  await waitFor('the stream to be empty', async () => (await own.client.xlen(STREAM)) === 0);
}, 60_000);
