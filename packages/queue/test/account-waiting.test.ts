import { accountOf, type ResolveJob } from '@contour/contract';
import { expect, test } from 'vitest';
import { message, resolveJobOf } from '../../../test/support/samples.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createProducer, createResolveConsumer } from '../src/index.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const newProducer = () =>
  own.closing(createProducer({ redisUrl: own.server.url, onError: own.onError }));

const jobsOf = (fingerprint: string, count: number): ResolveJob[] =>
  Array.from({ length: count }, (_, n) =>
    resolveJobOf(message({ fingerprint, messageIds: [`${fingerprint} ${n}`] })),
  );

const account = (fingerprint: string) => accountOf({ channel: 'telegram', fingerprint });

const inRows = async () => ({
  front: await own.client.llen('bull:resolve:wait'),
  behind: await own.client.zcard('bull:resolve:prioritized'),
});

test('the messages of an account are counted until they have ended', async () => {
  const producer = newProducer();
  await producer.addResolve([...jobsOf('a', 3), ...jobsOf('b', 1)]);
  expect([producer.waitingOf(account('a')), producer.waitingOf(account('b'))]).toEqual([3, 1]);
  await producer.forgetWaiting([account('a'), account('b'), account('a')]);
  // A job of another service ends without having been counted.
  await producer.forgetWaiting([account('b'), account('c')]);
  expect(await own.client.zrange('contour:waiting', '0', '-1', 'WITHSCORES')).toEqual([
    account('a'),
    '1',
  ]);
});

test('a flood is taken after the messages of others, also when another process adds to it', async () => {
  const producer = newProducer();
  await producer.addResolve(jobsOf('flood', 99));
  expect(await inRows()).toEqual({ front: 99, behind: 0 });
  await producer.addResolve(jobsOf('flood', 101));
  await producer.addResolve(jobsOf('healthy', 1));
  expect(await inRows()).toEqual({ front: 100, behind: 101 });

  const another = newProducer();
  await another.lookAtAccounts();
  expect(another.waitingOf(account('flood'))).toBe(200);
  await another.addResolve(jobsOf('flood', 1));
  expect(await inRows()).toEqual({ front: 100, behind: 102 });

  const seen: string[] = [];
  const consumer = own.closing(
    createResolveConsumer({
      ...{ redisUrl: own.server.url, concurrency: 1, onError: own.onError },
      seal: () => undefined,
      handle: async ({ data }) => {
        seen.push((data as ResolveJob).message.messageIds[0] ?? '');
        return 'done';
      },
      giveUp: async () => undefined,
      unsealed: () => undefined,
    }),
  );
  consumer.start();
  await waitFor('all jobs', () => consumer.completed() === 202);
  expect(seen.indexOf('healthy 0')).toBe(99);
  expect(seen.slice(100, 201)).toEqual(
    jobsOf('flood', 101).map((job) => job.message.messageIds[0]),
  );
});

test('an account gets its old priority back once none of its messages waits', async () => {
  const producer = newProducer();
  await producer.addResolve(jobsOf('flood', 150));
  await producer.forgetWaiting(Array.from({ length: 149 }, () => account('flood')));
  await producer.lookAtAccounts();
  await producer.addResolve(jobsOf('flood', 1));
  expect(await inRows()).toEqual({ front: 0, behind: 151 });
  await producer.forgetWaiting([account('flood'), account('flood')]);
  await producer.lookAtAccounts();
  await producer.addResolve(jobsOf('flood', 1));
  expect(await inRows()).toEqual({ front: 1, behind: 151 });
});

test('a count that a crash left is cut to the length of the queue, and dropped with the last job', async () => {
  const producer = newProducer();
  await own.client.zadd('contour:waiting', 9_000, account('a'));
  await producer.addResolve(jobsOf('b', 120));
  await producer.lookAtAccounts();
  expect(producer.waitingOf(account('a'))).toBe(120);
  await own.client.del('bull:resolve:prioritized');
  await producer.lookAtAccounts();
  expect(await own.client.exists('contour:waiting', 'contour:waiting-rows')).toBe(0);
  expect(producer.waitingOf(account('a'))).toBe(0);
});

test('a replay has the last priority and is not counted', async () => {
  const producer = newProducer();
  await producer.addResolve(jobsOf('a', 2).map((job) => ({ ...job, replayOf: 'entry' })));
  expect(await inRows()).toEqual({ front: 0, behind: 2 });
  expect(producer.waitingOf(account('a'))).toBe(0);
});
