import { expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createShardBells } from '../src/jobs/index.ts';
import { createProducer } from '../src/producer.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

function open() {
  const rung: number[] = [];
  const { onError } = own;
  const redisUrl = own.server.url;
  const bells = createShardBells({ redisUrl, onError, onRing: (shard) => rung.push(shard) });
  own.closing({ close: async () => bells.close() });
  const producer = own.closing(createProducer({ redisUrl, onError }));
  return { rung, bells, producer };
}

const isListening = (shard: number) => async () => {
  const [, listeners] = (await own.client.pubsub('NUMSUB', `contour:bell:${shard}`)) as [
    string,
    number,
  ];
  return listeners > 0;
};

const jobs = () => own.client.llen('bull:deliver:wait');

test('a shard with a listener is called, and gets no wake-up job', async () => {
  const { rung, bells, producer } = open();
  bells.listen(3);
  await waitFor('the listener', isListening(3));
  await producer.ringDeliver([3]);
  await waitFor('the call', () => rung.length === 1);
  expect([rung, await jobs()]).toEqual([[3], 0]);
});

test('a shard without a listener gets one wake-up job for many calls', async () => {
  const { rung, bells, producer } = open();
  bells.listen(3);
  await waitFor('the listener', isListening(3));
  await producer.ringDeliver([3, 4]);
  await producer.ringDeliver([4]);
  await waitFor('the call', () => rung.length === 1);
  expect(await jobs()).toBe(1);
});

test('a worker that stopped listening hears no later call', async () => {
  const { rung, bells, producer } = open();
  bells.listen(5);
  await waitFor('the listener', isListening(5));
  await bells.stopListening(5);
  await producer.ringDeliver([5]);
  expect([rung, await jobs()]).toEqual([[], 1]);
});

test('stopListening settles in time when Redis is away', async () => {
  const { bells } = open();
  bells.listen(6);
  await waitFor('the listener', isListening(6));
  await own.stop();
  const startedAt = performance.now();
  await bells.stopListening(6);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  await own.start();
});

test('a listener hears calls again after an outage of Redis', async () => {
  const { rung, bells, producer } = open();
  bells.listen(7);
  await waitFor('the listener', isListening(7));
  await own.stop();
  await own.start();
  await waitFor('the listener', () => isListening(7)().catch(() => false));
  await waitFor('a call', async () => {
    await producer.ringDeliver([7]).catch(() => undefined);
    return rung.length > 0;
  });
});
