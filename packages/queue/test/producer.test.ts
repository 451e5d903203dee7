import { AppError, uuidv7 } from '@contour/contract';
import { freePort } from '@contour/local';
import { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { message, resolveJobOf } from '../../../test/support/samples.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createProducer } from '../src/producer.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const newProducer = (redisUrl = own.server.url) =>
  own.closing(createProducer({ redisUrl, onError: own.onError }));

async function timed(work: Promise<unknown>) {
  const startedAt = performance.now();
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - startedAt };
}

test('a new producer adds at once, and every job gets its own id', async () => {
  const job = resolveJobOf(message());
  const producer = newProducer();
  await producer.addResolve([job, job, job]);
  await producer.addResolve([]);
  expect(await producer.backlog()).toMatchObject({ waiting: 3, delayed: 0, active: 0 });
  const [id] = await own.client.lrange('bull:resolve:wait', 0, 0);
  expect(JSON.parse((await own.client.hget(`bull:resolve:${id}`, 'data')) ?? '')).toEqual({
    ...job,
    counted: true,
  });
});

test('a Redis that was never there is an AppError at once, and is used once it starts', async () => {
  await own.stop();
  const producer = newProducer();
  const first = await timed(producer.addResolve([resolveJobOf(message())]));
  expect(first.error).toBeInstanceOf(AppError);
  expect(first.error).toMatchObject({ code: 'redis_unavailable' });
  expect(first.ms).toBeLessThan(1000);
  expect((await timed(producer.ping())).ms).toBeLessThan(100);

  await own.start();
  await waitFor('the producer to add again', () =>
    producer.addResolve([resolveJobOf(message())]).then(() => true),
  );
  expect((await producer.backlog()).waiting).toBe(1);
});

test('an add fails at once while Redis is away, and succeeds after its return', async () => {
  const producer = newProducer();
  await producer.ping();
  await own.stop();
  const gone = await timed(producer.addResolve([resolveJobOf(message())]));
  expect(gone.error).toMatchObject({ code: 'redis_unavailable' });
  expect(gone.ms).toBeLessThan(2600);
  expect((await timed(producer.wakeDeliver([1]))).error).toBeInstanceOf(AppError);
  await own.start();
  await waitFor('the producer to add again', () =>
    producer.addResolve([resolveJobOf(message())]).then(() => true),
  );
});

test('a frozen Redis delays a call by 2.5 s at most, also on a new connection, and is used again later', async () => {
  const producer = newProducer();
  await producer.ping();
  process.kill(own.server.pid, 'SIGSTOP');
  try {
    const fresh = newProducer();
    const tries = await Promise.all([
      timed(producer.addResolve([resolveJobOf(message())])),
      timed(
        producer.publishReplies([
          {
            to: 'gone',
            reply: { requestId: 'r', outcome: { kind: 'unknown_tenant' }, parked: true },
          },
        ]),
      ),
      timed(fresh.addResolve([resolveJobOf(message())])),
    ]);
    for (const { error, ms } of tries) {
      expect(error).toMatchObject({ code: 'redis_unavailable' });
      // The rest is for a busy machine.
      expect(ms).toBeLessThan(3000);
    }
    const later = await timed(producer.addResolve([resolveJobOf(message())]));
    expect(later.error).toBeInstanceOf(AppError);
    expect(later.ms).toBeLessThan(2600);
  } finally {
    process.kill(own.server.pid, 'SIGCONT');
  }
  await waitFor('the producer to add again', () =>
    producer.addResolve([resolveJobOf(message())]).then(() => true),
  );
});

test('closing a producer does not wait for a Redis that is away', async () => {
  const producer = createProducer({
    redisUrl: `redis://127.0.0.1:${await freePort()}`,
    onError: own.onError,
  });
  expect((await timed(producer.close())).ms).toBeLessThan(500);
});

test('a job without a reply channel has a note until it has ended', async () => {
  const producer = newProducer();
  const [unawaited, awaited, replayed] = [message(), message(), message()];
  await producer.addResolve([
    resolveJobOf(unawaited),
    { ...resolveJobOf(awaited), reply: { to: 'channel', requestId: uuidv7(), untilMs: 1 } },
    { ...resolveJobOf(replayed), replayOf: replayed.messageId },
  ]);
  const notes = () => own.client.keys('contour:queued:*');
  expect(await notes()).toEqual([`contour:queued:${unawaited.messageId}`]);
  await producer.forgetQueued([unawaited.messageId, awaited.messageId]);
  expect(await notes()).toEqual([]);
});

test('a note is found by its message id and expires', async () => {
  const producer = newProducer();
  const note = { messageId: uuidv7(), traceId: 't', receivedAt: '2024-12-10T10:00:16.000Z' };
  await producer.noteQueued(note);
  expect(await producer.findQueued(note.messageId)).toEqual(note);
  expect(await producer.findQueued(uuidv7())).toBeNull();
  expect(await own.client.ttl(`contour:queued:${note.messageId}`)).toBeGreaterThan(600_000);
});

test('the events that BullMQ keeps are capped', async () => {
  await newProducer().ping();
  await waitFor(
    'the cap',
    async () => (await own.client.hget('bull:resolve:meta', 'opts.maxLenEvents')) === '1000',
  );
});

test('facts of Redis are read', async () => {
  const facts = await newProducer().redisFacts();
  expect(facts).toMatchObject({ maxmemoryPolicy: 'noeviction', aof: true });
  expect(facts.version).toMatch(/^\d+\./);
  expect(await newProducer().backlog()).toMatchObject({ memoryLimit: 0 });
});

test('no work is waiting while the queue is paused', async () => {
  const producer = newProducer();
  expect(await producer.isWorkWaiting()).toBe(false);
  await producer.addResolve([resolveJobOf(message())]);
  expect(await producer.isWorkWaiting()).toBe(true);
  const queue = new Queue('resolve', { connection: own.client as never });
  await queue.pause();
  expect(await producer.isWorkWaiting()).toBe(false);
  await producer.addResolve([resolveJobOf(message())]);
  expect(await producer.isWorkWaiting()).toBe(false);
  await queue.resume();
  expect(await producer.isWorkWaiting()).toBe(true);
  await queue.close();
});

const EMPTY = {
  ...{ isPaused: false, waiting: 0, delayed: 0, active: 0, failed: 0 },
  oldestAt: null,
};

test('the facts of a queue are its jobs by state and the age of its oldest waiting job', async () => {
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
