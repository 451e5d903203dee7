import { expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createGraphConsumer, createProducer } from '../src/index.ts';
import { gate } from './gate.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

test('many wake-ups of the graph are one run, and those during a run one more', async () => {
  const { onError } = own;
  const redis = { redisUrl: own.server.url, onError };
  const producer = own.closing(createProducer(redis));
  for (let n = 0; n < 20; n += 1) await producer.wakeGraph();
  const began = gate();
  const end = gate();
  let runs = 0;
  const consumer = own.closing(
    createGraphConsumer({
      ...redis,
      run: async () => {
        runs += 1;
        began.resolve();
        await end.promise;
      },
    }),
  );
  consumer.start();
  await began.promise;
  for (let n = 0; n < 20; n += 1) await producer.wakeGraph();
  end.resolve();
  await waitFor('the run after', () => consumer.completed() === 2);
  await waitFor('the consumer to wait', own.isIdle);
  expect(runs).toBe(2);
});
