import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { waitFor, within } from '../../../test/support/wait-for.ts';
import { createProducer, createReplyListener } from '../src/index.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const newProducer = () =>
  own.closing(createProducer({ redisUrl: own.server.url, onError: own.onError }));

const replyTo = (requestId: string) => ({
  requestId,
  outcome: { kind: 'unknown_tenant' as const },
  parked: true,
});

test('replies reach the callers that expect them, several in one publication', async () => {
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
    { to: a.channel, reply: replyTo('not expected') },
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

test('a reply that comes between two waits is kept, unless it was forgotten', async () => {
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

test('a listener receives again after an outage, and closing it ends every wait', async () => {
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

test('text that is not JSON on the reply channel is reported and disturbs no other reply', async () => {
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
