import { expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createDeliverConsumer, createGraphConsumer } from '../src/jobs/index.ts';
import { createProducer } from '../src/producer.ts';
import { gate } from './gate.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const newProducer = () =>
  own.closing(createProducer({ redisUrl: own.server.url, onError: own.onError }));

/** Runs that say when the first begins, and last until `end` is resolved. */
function heldRun() {
  const began = gate();
  const end = gate();
  let runs = 0;
  const run = async () => {
    runs += 1;
    began.resolve();
    await end.promise;
  };
  return { began, end, run, runs: () => runs };
}

function deliver(run: (shard: number, signal: AbortSignal) => Promise<void>) {
  const { onError } = own;
  const consumer = own.closing(
    createDeliverConsumer({ redisUrl: own.server.url, concurrency: 4, onError, run }),
  );
  consumer.start();
  return consumer;
}

test('many wake-ups of a waiting shard cause one run, and each shard has its own', async () => {
  const producer = newProducer();
  for (let n = 0; n < 20; n += 1) await producer.wakeDeliver([1, 2, 1]);
  const runs: number[] = [];
  const consumer = deliver(async (shard) => {
    runs.push(shard);
  });
  await waitFor('both shards', () => consumer.completed() === 2);
  await waitFor('the consumer to wait', own.isIdle);
  expect(runs.sort()).toEqual([1, 2]);
});

test('wake-ups during a run cause one more run after it', async () => {
  const producer = newProducer();
  const { began, end, run, runs } = heldRun();
  const consumer = deliver(run);
  await producer.wakeDeliver([3]);
  await began.promise;
  for (let n = 0; n < 5; n += 1) await producer.wakeDeliver([3]);
  end.resolve();
  await waitFor('the run after', () => consumer.completed() === 2);
  await waitFor('the consumer to wait', own.isIdle);
  expect(runs()).toBe(2);
  expect(await own.client.keys('bull:deliver:d[en]:*')).toEqual([]);
});

test('a shard can be woken again after a run that throws', async () => {
  const producer = newProducer();
  let runs = 0;
  const consumer = deliver(async () => {
    runs += 1;
    if (runs === 1) throw new Error('shard broken');
  });
  await producer.wakeDeliver([4]);
  await waitFor('the report', () => own.errors.some(({ message }) => message === 'shard broken'));
  await waitFor('the next run', async () => {
    await producer.wakeDeliver([4]);
    return consumer.completed() > 0;
  });
});

test("a dead worker's run is repeated, and then the wake-up that came meanwhile", async () => {
  const producer = newProducer();
  const began = gate();
  const dying = deliver(() => {
    began.resolve();
    return new Promise(() => undefined);
  });
  await producer.wakeDeliver([5]);
  await began.promise;
  await producer.wakeDeliver([5]);
  await dying.close(0);
  const [id] = await own.client.lrange('bull:deliver:active', 0, -1);
  await own.client.del(`bull:deliver:${id}:lock`);

  const heir = deliver(async () => undefined);
  await waitFor('the runs', () => heir.completed() === 2, { deadlineMs: 12_000 });
  await producer.wakeDeliver([5]);
  await waitFor('a later run', () => heir.completed() === 3);
}, 20_000);

test('a shard that was running during FLUSHALL can be woken at once', async () => {
  const producer = newProducer();
  const { began, end, run, runs } = heldRun();
  const consumer = deliver(run);
  await producer.wakeDeliver([6]);
  await began.promise;
  await own.client.flushall();
  await producer.wakeDeliver([6]);
  await waitFor('the second run', () => runs() === 2);
  end.resolve();
  await waitFor('its end', () => consumer.completed() === 1);
});

test('at most 50 failed runs are kept', async () => {
  const producer = newProducer();
  const consumer = deliver(async () => {
    throw new Error('no Postgres');
  });
  const failed = () => own.client.zcard('bull:deliver:failed');
  for (let n = 0; n < 6; n += 1) {
    await producer.wakeDeliver(Array.from({ length: 10 }, (_, shard) => n * 10 + shard));
  }
  await waitFor('the failures', async () => (await failed()) === 50);
  await waitFor('the consumer to wait', own.isIdle);
  expect(await failed()).toBe(50);
  expect(consumer.completed()).toBe(0);
});

test('many wake-ups of the graph cause one run, and those during it one more', async () => {
  const { onError } = own;
  const redis = { redisUrl: own.server.url, onError };
  const producer = own.closing(createProducer(redis));
  for (let n = 0; n < 20; n += 1) await producer.wakeGraph();
  const { began, end, run, runs } = heldRun();
  const consumer = own.closing(createGraphConsumer({ ...redis, run }));
  consumer.start();
  await began.promise;
  for (let n = 0; n < 20; n += 1) await producer.wakeGraph();
  end.resolve();
  await waitFor('the run after', () => consumer.completed() === 2);
  await waitFor('the consumer to wait', own.isIdle);
  expect(runs()).toBe(2);
});
