import { expect, test } from 'vitest';
import { createPresence } from '../src/presence/presence.ts';
import { createProducer } from '../src/producer.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const newProducer = () =>
  own.closing(createProducer({ redisUrl: own.server.url, onError: own.onError }));

test('a worker counts while it beats, until it leaves', async () => {
  const producer = newProducer();
  expect(await producer.liveWorkers()).toBe(0);
  const one = createPresence({ redisUrl: own.server.url, onError: own.onError, id: 'one' });
  const two = createPresence({ redisUrl: own.server.url, onError: own.onError, id: 'two' });
  await Promise.all([one.beat(), one.beat(), two.beat()]);
  expect(await producer.liveWorkers()).toBe(2);
  await one.leave();
  expect(await producer.liveWorkers()).toBe(1);
  await own.client.zincrby('contour:workers', -6000, 'two');
  expect(await producer.liveWorkers()).toBe(0);
  await two.leave();
});

test('workers share the time at which Core last accepted a message', async () => {
  const [one, two] = ['one', 'two'].map((id) =>
    createPresence({ redisUrl: own.server.url, onError: own.onError, id }),
  );
  if (!one || !two) throw new Error('unreachable');
  // The first beat shares no time: it only reads Redis's clock.
  expect(await one.beat(5000)).toBeNull();
  expect(await two.beat(null)).toBeNull();
  const isAbout = (agoMs: number | null, realMs: number) => {
    expect(agoMs).toBeGreaterThanOrEqual(realMs);
    expect(agoMs).toBeLessThan(realMs + 1000);
  };
  isAbout(await one.beat(5000), 5000);
  isAbout(await two.beat(null), 5000);
  isAbout(await two.beat(2000), 2000);
  // An earlier time than the known one changes nothing.
  isAbout(await one.beat(9000), 2000);
  // Redis's clock has been set back.
  await own.client.incrby('contour:core-accepted', 3_600_000);
  expect(await one.beat(null)).toBeNull();
  isAbout(await one.beat(100), 100);
  await Promise.all([one.leave(), two.leave()]);
});

test('scripts run again after SCRIPT FLUSH', async () => {
  const producer = newProducer();
  expect(await producer.liveWorkers()).toBe(0);
  await own.client.script('FLUSH');
  expect(await producer.liveWorkers()).toBe(0);
  const [one] = await Promise.all([producer.streamFacts(1), own.client.script('FLUSH')]);
  expect(one).toMatchObject([{ shard: 0, length: 0, owner: null }]);
});
