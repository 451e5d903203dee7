import { type DlqEntry, fingerprintOf } from '@contour/contract';
import type { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { boardQueues, createDlq, type Dlq, isDlqCursor } from '../src/index.ts';
import { ownRedis } from './redis.ts';
import { entry, message } from './samples.ts';

const own = ownRedis();

const newDlq = (maxParkedPerAccount = 1000): Dlq =>
  own.closing(createDlq({ redisUrl: own.server.url, onError: own.onError, maxParkedPerAccount }));

const ids = (entries: readonly DlqEntry[]) => entries.map(({ id }) => id);

/** Parks entries one after another, so that their order is known. */
async function parkAll(dlq: Dlq, entries: readonly DlqEntry[]): Promise<void> {
  for (const each of entries) expect(await dlq.park(each)).toBe('parked');
}

const some = (count: number, over: Partial<DlqEntry> = {}) =>
  Array.from({ length: count }, () => entry({ message: message(), ...over }));

/** The queue as Bull Board, or anybody else with BullMQ, has it. */
async function boardQueue(): Promise<Queue> {
  const board = own.closing(boardQueues({ redisUrl: own.server.url, onError: own.onError }));
  const queue = board.queues.find(({ name }) => name === 'dlq') as Queue;
  await waitFor('the board to be connected', () => queue.count().then(() => true));
  return queue;
}

async function collect(pages: AsyncIterable<DlqEntry[]>): Promise<DlqEntry[]> {
  const all: DlqEntry[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

test('an entry comes back as it was parked, and is gone once it is removed', async () => {
  const dlq = newDlq();
  const parked = entry();
  const raw = entry({ id: 'job-1', reason: 'invalid', message: null, raw: '{"channel":7}' });
  await parkAll(dlq, [parked, raw]);
  expect(await dlq.get(parked.id)).toEqual(parked);
  expect(await dlq.get('job-1')).toEqual(raw);
  expect(await dlq.remove(parked.id)).toBe(true);
  expect(await dlq.remove(parked.id)).toBe(false);
  expect(await dlq.get(parked.id)).toBeNull();
  expect(await dlq.remove('job-1')).toBe(true);
  const former = `contour:dlq:former:${parked.id}`;
  expect(await own.client.keys('contour:dlq:*')).toEqual([former]);
  expect(await own.client.keys('bull:dlq:*-*')).toEqual([]);
  expect(await own.client.ttl(former)).toBeGreaterThan(6 * 24 * 60 * 60);
});

test('how an entry has left is remembered, without what it held', async () => {
  const dlq = newDlq();
  const [first, second] = some(2) as [DlqEntry, DlqEntry];
  await parkAll(dlq, [first, second]);
  await dlq.remove(first.id);
  await dlq.clear({ reason: second.reason });
  // Of a dead message whose text nobody could find any more.
  const bare: DlqEntry = { ...first, id: 'dead', stage: 'deliver', message: null, raw: '{}' };
  await dlq.park(bare);
  expect(await dlq.clear({ reason: bare.reason })).toBe(1);
  expect(await dlq.former('dead')).toMatchObject({ leaving: 'cleared' });
  const { reason, failedAt } = first;
  expect(await dlq.former(first.id)).toEqual({
    ...{ reason, failedAt, leaving: 'let_in' },
    leftAt: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect(await dlq.former(second.id)).toMatchObject({ leaving: 'cleared' });
  expect(await dlq.former('never there')).toBeNull();
});

test('a message parked again keeps its place and shows the newest failure', async () => {
  const dlq = newDlq();
  const [first, second] = some(2) as [DlqEntry, DlqEntry];
  const again: DlqEntry = { ...first, reason: 'tenant_disabled', attempts: 2 };
  await parkAll(dlq, [first, second, again]);
  const { count, items } = await dlq.list({}, { limit: 10 });
  expect(count).toBe(2);
  expect(items).toEqual([again, second]);
});

test('an unknown account fills its own allowance and no more', async () => {
  const dlq = newDlq(3);
  const other = entry({ message: message({ fingerprint: fingerprintOf('second') }) });
  const [first, ...rest] = some(3) as [DlqEntry, ...DlqEntry[]];
  await parkAll(dlq, [first, ...rest]);
  expect(await dlq.park(entry())).toBe('over_allowance');
  expect(await dlq.park(other)).toBe('parked');
  expect(await dlq.park({ ...first, attempts: 2 })).toBe('parked');
  expect(await dlq.park(entry({ reason: 'core_refused' }))).toBe('parked');

  await dlq.remove(first.id);
  expect(await dlq.park(entry())).toBe('parked');
  expect(await dlq.park(entry())).toBe('over_allowance');
  await dlq.clear({ fingerprint: fingerprintOf('first') });
  expect(await dlq.park(entry())).toBe('parked');
});

test('an allowance is kept by those who park at the same moment', async () => {
  const dlq = newDlq(10);
  const parked = await Promise.all(some(50).map((one) => dlq.park(one)));
  expect(parked.filter((result) => result === 'parked')).toHaveLength(10);
  expect((await dlq.list({}, { limit: 100 })).count).toBe(10);
});

test('an allowance is free again after a reason has changed and after FLUSHALL', async () => {
  const dlq = newDlq(1);
  const only = entry();
  await parkAll(dlq, [only, { ...only, reason: 'tenant_disabled' }, entry()]);
  expect(await dlq.park(entry())).toBe('over_allowance');
  await own.client.flushall();
  expect(await dlq.park(entry())).toBe('parked');
});

test('an allowance forgets what was noted but never added, or was removed by other hands', async () => {
  const dlq = newDlq(2);
  const removedElsewhere = entry();
  await parkAll(dlq, [removedElsewhere]);
  await own.client.sadd(`contour:dlq:unknown:${fingerprintOf('first')}`, 'died-before-adding');
  const queue = await boardQueue();
  expect(await queue.remove(removedElsewhere.id)).toBe(1);
  await parkAll(dlq, some(2));
  expect(await dlq.park(entry())).toBe('over_allowance');
});

test('Bull Board sees the entries', async () => {
  await parkAll(newDlq(), some(2));
  const queue = await boardQueue();
  expect(await queue.getJobCounts('prioritized')).toEqual({ prioritized: 2 });
  const jobs = await queue.getJobs(['prioritized'], 0, 10, true);
  expect(jobs.map(({ name }) => name)).toEqual(['unknown_tenant', 'unknown_tenant']);
});

test('pages are oldest first and stay true while entries vanish and come', async () => {
  const dlq = newDlq();
  const entries = some(7);
  await parkAll(dlq, entries);
  const first = await dlq.list({}, { limit: 3 });
  expect(ids(first.items)).toEqual(ids(entries.slice(0, 3)));
  expect(first).toMatchObject({ count: 7, next: expect.stringMatching(/^\d+$/) });
  expect(isDlqCursor(first.next ?? '')).toBe(true);

  for (const { id } of entries.slice(0, 4)) await dlq.remove(id);
  const late = entry();
  await parkAll(dlq, [late]);
  const second = await dlq.list({}, { limit: 3, cursor: first.next ?? '' });
  expect(ids(second.items)).toEqual(ids(entries.slice(4, 7)));
  const third = await dlq.list({}, { limit: 3, cursor: second.next ?? '' });
  expect(third).toEqual({ count: 4, items: [late], next: null });
  expect(isDlqCursor('x')).toBe(false);
});

test('filters select by reason, tenant, account and time, and count all that they match', async () => {
  const dlq = newDlq();
  const tenantId = '0190a0a0-0000-7000-8000-000000000001';
  const ofTenant = some(3, { reason: 'core_refused', tenantId });
  const early = some(2, { failedAt: '2024-01-01T00:00:00.000Z' });
  const second = fingerprintOf('second');
  const ofSecond = entry({ message: message({ fingerprint: second }) });
  await parkAll(dlq, [...ofTenant, ...early, ofSecond]);

  const found = async (filter: Parameters<Dlq['list']>[0], limit = 10) => {
    const { items, ...rest } = await dlq.list(filter, { limit });
    return { ids: ids(items), ...rest };
  };
  expect(await found({ tenantId })).toEqual({ count: 3, ids: ids(ofTenant), next: null });
  expect(await found({ reason: 'core_refused' })).toMatchObject({ count: 3 });
  expect(await found({ reason: 'invalid' })).toEqual({ count: 0, ids: [], next: null });
  expect(await found({ fingerprint: second })).toMatchObject({ ids: [ofSecond.id] });
  expect(await found({ before: '2024-06-01T00:00:00Z' })).toMatchObject({ ids: ids(early) });
  expect(await found({ before: '2024-06-01T00:00:00Z', tenantId })).toMatchObject({ count: 0 });

  const page = await dlq.list({ tenantId }, { limit: 2 });
  expect(ids(page.items)).toEqual(ids(ofTenant.slice(0, 2)));
  const rest = await dlq.list({ tenantId }, { limit: 2, cursor: page.next ?? '' });
  expect(rest).toEqual({ count: 3, items: ofTenant.slice(2), next: null });
});

test('a walk meets what was there when it began, though it removes what it meets', async () => {
  const dlq = newDlq();
  const entries = some(5, { reason: 'core_exhausted' });
  await parkAll(dlq, entries);
  const seen: string[] = [];
  for await (const page of dlq.matching({ reason: 'core_exhausted' }, 100)) {
    for (const { id } of page) {
      seen.push(id);
      await dlq.remove(id);
      await dlq.park(entry({ reason: 'core_exhausted' }));
    }
  }
  expect(seen).toEqual(ids(entries));
  expect(await collect(dlq.matching({}, 2))).toHaveLength(2);
  expect(await collect(dlq.matching({ reason: 'invalid' }, 2))).toEqual([]);
});

test('clearing takes what matches and says how many', async () => {
  const dlq = newDlq();
  const kept = entry({ reason: 'core_refused' });
  await parkAll(dlq, [...some(3), kept, ...some(3)]);
  expect(await dlq.clear({ reason: 'unknown_tenant' })).toBe(6);
  expect(await dlq.clear({ reason: 'unknown_tenant' })).toBe(0);
  expect(await dlq.list({}, { limit: 10 })).toEqual({ count: 1, items: [kept], next: null });
});

test("a trace's entries are found until they are gone", async () => {
  const dlq = newDlq();
  const [one, two] = [1, 2].map((n) =>
    entry({
      message: message({ traceId: 'wanted' }),
      receivedAt: `2024-12-10T10:00:0${n}.000Z`,
    }),
  ) as [DlqEntry, DlqEntry];
  await parkAll(dlq, [two, one, entry()]);
  expect(await dlq.byTrace('wanted')).toEqual([one, two]);
  await dlq.remove(one.id);
  expect(await dlq.byTrace('wanted')).toEqual([two]);
  expect(await dlq.byTrace('unheard of')).toEqual([]);
});

test('a copy under another trace is found by that one, and leaves nothing behind', async () => {
  const dlq = newDlq();
  const first = entry();
  const traced = (traceId: string) => ({
    ...first,
    message: message({ ...first.message, traceId }),
  });
  const [second, dead] = [traced('second'), { ...traced('dead'), stage: 'deliver' as const }];
  await parkAll(dlq, [first, second]);
  expect(await dlq.byTrace('second')).toEqual([second]);
  await parkAll(dlq, [dead, traced('hidden by the dead one')]);
  await dlq.remove(first.id);
  expect(await own.client.keys('contour:dlq:trace:*')).toEqual([]);
});

test('of copies that are parked at once none leaves a trace behind', async () => {
  const first = entry();
  const copies = Array.from({ length: 20 }, (_, n) => ({
    ...first,
    message: message({ ...first.message, traceId: `copy ${n}` }),
  }));
  await Promise.all(copies.map((copy) => newDlq().park(copy)));
  const dlq = newDlq();
  expect((await dlq.list({}, { limit: 5 })).count).toBe(1);
  await dlq.remove(first.id);
  expect(await own.client.keys('contour:dlq:trace:*')).toEqual([]);
});

test('what somebody else put into the queue is passed over', async () => {
  const dlq = newDlq();
  const queue = await boardQueue();
  const ours = entry();
  await queue.add('alien', { hello: 1 }, { priority: 1, jobId: 'alien' });
  await parkAll(dlq, [ours]);
  await queue.add('alien', 'text', { priority: 1 });
  expect((await dlq.list({}, { limit: 1 })).items).toEqual([ours]);
  expect((await dlq.list({ reason: 'unknown_tenant' }, { limit: 5 })).items).toEqual([ours]);
  expect(await dlq.get('alien')).toBeNull();
});

test('a Redis that was wiped, or started again, is known not to have everything', async () => {
  const dlq = newDlq();
  expect(await dlq.keeping()).toBe('nothing');
  await dlq.markKept();
  expect(await dlq.keeping()).toBe('all');
  await own.client.set('contour:dlq:kept', 'the id of an earlier start');
  expect(await dlq.keeping()).toBe('all_but_latest');
  await own.client.flushall();
  expect(await dlq.keeping()).toBe('nothing');
});

test('the entry of a dead message is not hidden by a bad copy of the message', async () => {
  const dlq = newDlq();
  const dead = entry({ stage: 'deliver', reason: 'core_refused' });
  await parkAll(dlq, [dead, { ...dead, stage: 'resolve', reason: 'conflict' }]);
  expect(await dlq.get(dead.id)).toEqual(dead);
});

test('an entry is not removed by who has read an earlier one', async () => {
  const dlq = newDlq();
  const first = entry();
  await parkAll(dlq, [first]);
  const read = await dlq.read(first.id);
  await parkAll(dlq, [{ ...first, attempts: 2 }]);
  expect(await dlq.remove(first.id, read?.digest)).toBe(false);
  const again = await dlq.read(first.id);
  expect(again?.entry.attempts).toBe(2);
  expect(await dlq.remove(first.id, again?.digest)).toBe(true);
});

test('what is parked is not noted as queued any more', async () => {
  const dlq = newDlq();
  const parked = entry();
  await own.client.set(`contour:queued:${parked.id}`, '{}');
  await parkAll(dlq, [parked]);
  expect(await own.client.exists(`contour:queued:${parked.id}`)).toBe(0);
});

test('many at once park a message once', async () => {
  const dlqs = [newDlq(), newDlq()];
  const one = entry();
  await Promise.all(Array.from({ length: 50 }, (_, n) => dlqs[n % 2]?.park(one)));
  expect((await newDlq().list({}, { limit: 5 })).count).toBe(1);
});
