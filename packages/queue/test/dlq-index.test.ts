import { type DlqEntry, type DlqJob, uuidv7 } from '@contour/contract';
import type { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { entry } from '../../../test/support/samples.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { boardQueues, createDlqIndex, type DlqIndex, type IndexPage } from '../src/index.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const openIndex = (): DlqIndex =>
  own.closing(createDlqIndex({ redisUrl: own.server.url, onError: own.onError }));

let lastVersion = 0;

function job(over: Partial<DlqJob> = {}): DlqJob {
  lastVersion += 1;
  return {
    ...{ v: 2, version: lastVersion, id: uuidv7(), reason: 'unknown_tenant', stage: 'resolve' },
    ...{ tenant_id: null, client_id: null, dialog_id: null, trace_id: 'trace_1' },
    ...{ channel: 'telegram', account: '12***34', error: 'unknown_tenant', attempts: 1 },
    ...{ received_at: '2024-12-10T10:00:16.000Z', failed_at: '2024-12-10T10:00:17.000Z' },
    ...over,
  };
}

/** The queue that Bull Board shows. */
async function boardQueue(): Promise<Queue> {
  const board = own.closing(boardQueues({ redisUrl: own.server.url, onError: own.onError }));
  const queue = board.queues.find(({ name }) => name === 'dlq') as Queue;
  await waitFor('the board to be connected', () => queue.count().then(() => true));
  return queue;
}

async function readAll(index: DlqIndex): Promise<Omit<IndexPage, 'next'>> {
  const all: Omit<IndexPage, 'next'> = { jobs: [], former: [] };
  for (let after: string | null = '0'; after !== null; ) {
    const { jobs, former, next }: IndexPage = await index.read(after);
    all.jobs.push(...jobs);
    all.former.push(...former);
    after = next;
  }
  return all;
}

/** An entry as an earlier version parked it, with its notes. */
async function parkFormer(former: DlqEntry): Promise<void> {
  const { id, message } = former;
  const queue = await boardQueue();
  await queue.add(former.reason, former, { jobId: id, priority: 1 });
  if (message === null) return;
  const account = `${message.channel}:${message.fingerprint}`;
  await own.client.sadd(`contour:dlq:unknown:${message.fingerprint}`, id);
  await own.client.sadd(`contour:dlq:trace:${message.traceId}`, id);
  await own.client.zadd(`contour:dlq:waiting:${account}`, 1, id);
  await own.client.sadd('contour:dlq:waiting', account);
}

test('a shown entry is a job that Bull Board sees until it is hidden', async () => {
  const index = openIndex();
  const [one, two] = [job(), job({ reason: 'invalid' })];
  await index.show([one, two]);
  await index.show([one]);
  const queue = await boardQueue();
  expect(await queue.getJobCounts('prioritized')).toEqual({ prioritized: 2 });
  const jobs = await queue.getJobs(['prioritized'], 0, 10, true);
  expect(jobs.map(({ name, data }) => ({ name, data }))).toEqual([
    { name: 'unknown_tenant', data: one },
    { name: 'invalid', data: two },
  ]);
  expect((await readAll(index)).jobs).toEqual([one, two]);
  await index.hide([one, { id: uuidv7() }]);
  expect(await index.missing([one.id, two.id])).toEqual([one.id]);
  await index.hide([two]);
  expect(await own.client.keys('bull:dlq:*-*')).toEqual([]);
});

test('a newer version replaces an older one, and an older one never replaces a newer one', async () => {
  const index = openIndex();
  const first = job();
  const second = { ...first, version: first.version + 1, reason: 'stalled' as const };
  await index.show([first]);
  await index.show([second]);
  await index.show([first]);
  expect((await readAll(index)).jobs).toEqual([second]);
  const [shown] = await (await boardQueue()).getJobs(['prioritized'], 0, 1);
  expect(shown?.name).toBe('stalled');
  await index.hide([first]);
  expect(await index.missing([first.id])).toEqual([]);
  await index.hide([second]);
  expect(await index.missing([first.id])).toEqual([first.id]);
});

test('concurrent calls show an entry once', async () => {
  const one = job();
  const indexes = [openIndex(), openIndex()];
  await Promise.all(Array.from({ length: 30 }, (_, n) => indexes[n % 2]?.show([one])));
  expect((await readAll(openIndex())).jobs).toEqual([one]);
});

test('an entry of an earlier version is read, and removed with its notes only if it is unchanged', async () => {
  const index = openIndex();
  const [first, second] = [entry(), entry({ message: null, raw: '{"channel":7}', id: uuidv7() })];
  await parkFormer(first);
  await index.show([job()]);
  await parkFormer(second);
  const { former, jobs } = await readAll(index);
  expect(former.map((one) => one.entry)).toEqual([first, second]);
  expect(jobs).toHaveLength(1);
  // It is neither replaced nor hidden, because it is not in Postgres yet.
  await index.show([job({ id: first.id, version: 10_000 })]);
  await index.hide([{ id: first.id }]);
  expect((await readAll(index)).former).toHaveLength(2);

  const text = JSON.stringify({ ...first, attempts: 2 });
  await own.client.hset(`bull:dlq:${first.id}`, 'data', text);
  for (const {
    entry: { id },
    digest,
  } of former)
    await index.dropFormer(id, digest);
  const [left, ...none] = (await readAll(index)).former;
  expect(none).toEqual([]);
  expect(left?.entry.attempts).toBe(2);
  await index.dropFormer(first.id, left?.digest ?? '');
  expect((await readAll(index)).former).toEqual([]);
  expect(await own.client.keys('contour:dlq:*')).toEqual([]);
});

test('a job of another program is skipped', async () => {
  const index = openIndex();
  const queue = await boardQueue();
  await queue.add('alien', { hello: 1 }, { priority: 1, jobId: 'alien' });
  await queue.add('alien', 'text', { priority: 1 });
  const one = job();
  await index.show([one]);
  expect(await readAll(index)).toEqual({ jobs: [one], former: [] });
  await index.hide([{ id: 'alien' }]);
  expect(await index.missing(['alien'])).toEqual([]);
});

test('the index of a Redis that was wiped or restarted is not complete', async () => {
  const index = openIndex();
  expect(await index.isComplete()).toBe(false);
  await index.markComplete();
  expect(await index.isComplete()).toBe(true);
  await own.client.set('contour:dlq:indexed', 'the id of an earlier start');
  expect(await index.isComplete()).toBe(false);
  expect(await index.formerKept()).toBe('nothing');
  await own.client.set('contour:dlq:kept', 'the id of an earlier start');
  expect(await index.formerKept()).toBe('all_but_latest');
});
