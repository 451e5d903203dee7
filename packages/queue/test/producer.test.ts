import { AppError, uuidv7 } from '@contour/contract';
import { freePort } from '@contour/local';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { waitFor, within } from '../../../test/support/wait-for.ts';
import { createPresence, createProducer, createReplyListener } from '../src/index.ts';
import { ownRedis } from './redis.ts';
import { message, resolveJobOf } from './samples.ts';

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

test('a fresh producer adds at once, each job under an id of its own', async () => {
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

test('a Redis that was never there is an AppError at once, and is used once it is there', async () => {
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

test('a Redis that goes away fails the next add at once and the one after its return works', async () => {
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

test('a frozen Redis costs 2.5 s at most, known or not, and is used again when it thaws', async () => {
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
            to: 'nobody',
            reply: { requestId: 'r', outcome: { kind: 'unknown_tenant' }, parked: true },
          },
        ]),
      ),
      timed(fresh.addResolve([resolveJobOf(message())])),
    ]);
    for (const { error, ms } of tries) {
      expect(error).toMatchObject({ code: 'redis_unavailable' });
      expect(ms).toBeLessThan(2600);
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

test('a job for whose end nobody waits is noted with it, until it has ended', async () => {
  const producer = newProducer();
  const [forNobody, awaited, replayed] = [message(), message(), message()];
  await producer.addResolve([
    resolveJobOf(forNobody),
    { ...resolveJobOf(awaited), reply: { to: 'somebody', requestId: uuidv7(), untilMs: 1 } },
    { ...resolveJobOf(replayed), replayOf: replayed.messageId },
  ]);
  const notes = () => own.client.keys('contour:queued:*');
  expect(await notes()).toEqual([`contour:queued:${forNobody.messageId}`]);
  await producer.forgetQueued([forNobody.messageId, awaited.messageId]);
  expect(await notes()).toEqual([]);
});

test('a note says what was queued', async () => {
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

test('no work is waiting while the queue is paused: whoever takes none is not stuck', async () => {
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

test('a worker counts while it beats, and no longer once it has left', async () => {
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

test('a worker shares when Core last accepted its message, and learns it of all workers', async () => {
  const [one, two] = ['one', 'two'].map((id) =>
    createPresence({ redisUrl: own.server.url, onError: own.onError, id }),
  );
  if (!one || !two) throw new Error('unreachable');
  // The first beat tells no time: it learns what Redis's clock shows.
  expect(await one.beat(5000)).toBeNull();
  expect(await two.beat(null)).toBeNull();
  const isAbout = (agoMs: number | null, realMs: number) => {
    expect(agoMs).toBeGreaterThanOrEqual(realMs);
    expect(agoMs).toBeLessThan(realMs + 1000);
  };
  isAbout(await one.beat(5000), 5000);
  isAbout(await two.beat(null), 5000);
  isAbout(await two.beat(2000), 2000);
  // An earlier one than is known changes nothing.
  isAbout(await one.beat(9000), 2000);
  // Redis's clock has been set back.
  await own.client.incrby('contour:core-accepted', 3_600_000);
  expect(await one.beat(null)).toBeNull();
  isAbout(await one.beat(100), 100);
  await Promise.all([one.leave(), two.leave()]);
});

const replyTo = (requestId: string) => ({
  requestId,
  outcome: { kind: 'unknown_tenant' as const },
  parked: true,
});

test('replies reach who expects them, many in one publication', async () => {
  const producer = newProducer();
  const [a, b] = [1, 2].map(() =>
    own.closing(createReplyListener({ redisUrl: own.server.url, onError: own.onError })),
  );
  if (!a || !b) throw new Error('unreachable');
  await Promise.all([a.ready(), b.ready()]);
  const waiting = [a.expect('1', 5000), a.expect('2', 5000), b.expect('1', 5000)];
  const heard = await producer.publishReplies([
    { to: a.channel, reply: replyTo('1') },
    { to: b.channel, reply: replyTo('1') },
    { to: a.channel, reply: replyTo('2') },
    { to: a.channel, reply: replyTo('nobody expects this') },
    { to: 'contour:reply:gone', reply: replyTo('1') },
  ]);
  expect(await Promise.all(waiting)).toEqual([replyTo('1'), replyTo('2'), replyTo('1')]);
  expect(heard).toEqual(
    new Map([
      [a.channel, 1],
      [b.channel, 1],
      ['contour:reply:gone', 0],
    ]),
  );
});

test('a reply that comes between two waits is kept, a forgotten one is not', async () => {
  const producer = newProducer();
  const listener = own.closing(
    createReplyListener({ redisUrl: own.server.url, onError: own.onError }),
  );
  await listener.ready();
  expect(await listener.expect('kept', 10)).toBeUndefined();
  expect(await listener.expect('forgotten', 10)).toBeUndefined();
  listener.forget('forgotten');
  const last = listener.expect('last', 5000);
  await producer.publishReplies(
    ['kept', 'forgotten', 'last'].map((id) => ({ to: listener.channel, reply: replyTo(id) })),
  );
  await last;
  expect(await listener.expect('kept', 10)).toEqual(replyTo('kept'));
  expect(await listener.expect('forgotten', 10)).toBeUndefined();
});

test('a listener hears again after an outage, and closing it ends every wait', async () => {
  const producer = newProducer();
  const listener = createReplyListener({ redisUrl: own.server.url, onError: own.onError });
  await listener.ready();
  await own.stop();
  await own.start();
  await waitFor('the listener to hear again', async () => {
    const sent = await producer.publishReplies([{ to: listener.channel, reply: replyTo('x') }]);
    return sent.get(listener.channel) === 1;
  });
  const waiting = listener.expect('never', 60_000);
  await listener.close();
  expect(await within('the wait', 1000, waiting)).toBeUndefined();
});

test('what is not JSON on the reply channel is reported and harms nobody', async () => {
  const listener = own.closing(
    createReplyListener({ redisUrl: own.server.url, onError: own.onError }),
  );
  await listener.ready();
  const waiting = listener.expect('1', 5000);
  const other = new Redis(own.server.url);
  await other.publish(listener.channel, 'nonsense');
  await other.publish(listener.channel, JSON.stringify([replyTo('1')]));
  other.disconnect();
  expect(await waiting).toEqual(replyTo('1'));
  expect(own.errors).toHaveLength(1);
});
