import { expect, test } from 'vitest';
import { giveUpShard, leaseShards, leaveShards, releaseShard } from '../src/presence/leases.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

test('shards are dealt out evenly, and again when a worker comes or goes', async () => {
  const beatAll = async (ids: string[]) => {
    const held: boolean[][] = [];
    for (const id of ids) {
      const states = await leaseShards(own.client, id, 4);
      for (const [shard, state] of states.entries()) {
        if (state === 'unwanted') await releaseShard(own.client, id, shard);
      }
      held.push(states.map((state) => state === 'held'));
    }
    return held;
  };
  /** The first beat makes a worker known, the second makes the others release shards, the third takes them. */
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
  await leaveShards(own.client, 'a');
  for (const shard of [0, 2]) await releaseShard(own.client, 'a', shard);
  expect(await states('b')).toEqual([[true, true, true, true]]);
});

test('a shard that a worker is stuck with goes to the next worker, and the others stay', async () => {
  const { client } = own;
  const states = async (...ids: string[]) => {
    const all = [];
    for (const id of ids) all.push(await leaseShards(client, id, 4));
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
  await leaseShards(own.client, 'a', 1);
  await giveUpShard(own.client, 'a', 0);
  expect(await leaseShards(own.client, 'a', 1)).toEqual(['held']);
});

test('a member whose time lies ahead is ignored, because the clock was set back', async () => {
  const [seconds] = await own.client.time();
  await own.client.zadd('contour:stream-workers', (Number(seconds) + 60) * 1000, 'a dead one');
  expect(await leaseShards(own.client, 'me', 2)).toEqual(['held', 'held']);
});
