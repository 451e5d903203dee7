import { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { createProducer } from '../src/index.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();
const EMPTY = {
  ...{ isPaused: false, waiting: 0, delayed: 0, active: 0, failed: 0 },
  oldestAt: null,
};

test('the facts of a queue are its jobs by state and when the oldest that waits was added', async () => {
  const producer = own.closing(createProducer({ redisUrl: own.server.url, onError: own.onError }));
  expect(await producer.queueFacts()).toEqual(
    ['resolve', 'deliver', 'graph', 'dlq'].map((queue) => ({ queue, ...EMPTY })),
  );
  const { port } = own.server;
  const queue = own.closing(new Queue('resolve', { connection: { host: '127.0.0.1', port } }));
  const [first, second] = [new Date('2024-12-10T10:00:00Z'), new Date('2024-12-10T10:00:01Z')];
  await queue.add('resolve', {}, { timestamp: first.getTime() });
  await queue.add('resolve', {}, { timestamp: second.getTime() });
  await queue.add('resolve', {}, { timestamp: second.getTime(), priority: 3 });
  await queue.add('resolve', {}, { timestamp: first.getTime(), delay: 60_000 });
  const [resolve] = await producer.queueFacts();
  expect(resolve).toEqual({ queue: 'resolve', ...EMPTY, waiting: 3, delayed: 1, oldestAt: first });
});
