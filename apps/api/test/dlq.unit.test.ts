import { type DlqEntry, dlqEntry, fingerprintOf, type ResolveJob } from '@contour/contract';
import { createReplayer } from '@contour/operations';
import type { DlqFilter } from '@contour/store/dead-letters';
import { expect, test } from 'vitest';
import { toClear } from '../src/routes/dlq.ts';
import { appBundle, seed, workerSaying } from './app-bundle.ts';

const ID = '0198c0de-0000-8000-8000-000000000009';

const unread = (id: string, raw: unknown): DlqEntry =>
  dlqEntry.parse({
    v: 1,
    id,
    reason: 'invalid',
    stage: 'resolve',
    tenantId: null,
    clientId: null,
    dialogId: null,
    error: { code: 'invalid', message: 'it cannot be read' },
    attempts: 1,
    failedAt: '2024-12-10T10:00:16.000Z',
    receivedAt: '2024-12-10T10:00:15.000Z',
    message: null,
    raw: JSON.stringify(raw),
  });

function bundleHolding(entries: DlqEntry[]) {
  const cleared: DlqFilter[] = [];
  const jobs: ResolveJob[] = [];
  const worker = workerSaying(() => ({ kind: 'unknown_tenant' }), true);
  const app = appBundle({
    replay: createReplayer({
      backlog: async () => ({ waiting: 0, delayed: 0, active: 0 }) as never,
      replies: { ...worker.replies, ready: async () => {} },
      maxBacklog: 10,
      timezone: 'UTC',
      addJobs: async (added) => {
        jobs.push(...added);
        for (const job of added) await worker.addJob(job);
      },
    }),
    dlq: {
      get: async (id) => entries.find((entry) => entry.id === id) ?? null,
      list: async () => ({ count: entries.length, items: entries, next: 'more' }),
      matching: async function* (_filter, limit) {
        yield entries.slice(0, limit);
      },
      clear: async (filter) => {
        cleared.push(filter);
        return entries.length;
      },
    },
  });
  return { app, cleared, jobs };
}

test('a page has the count, the entries and the cursor of the next one', async () => {
  const { app } = bundleHolding([unread(ID, { channel: 'sms', big: 1 })]);
  const answer = await app.inject('/dlq?reason=invalid&limit=1');
  expect(answer.json()).toMatchObject({
    count: 1,
    items: [{ id: ID, reason: 'invalid', message: { channel: 'sms', big: 1 } }],
    next: 'more',
  });
  expect((await app.inject(`/dlq/${ID}`)).json()).toEqual(answer.json().items[0]);
});

test.for<[string, string]>([
  ['/dlq?colour=red', 'colour'],
  ['/dlq?reason=nope', 'reason'],
  ['/dlq?reason=invalid&reason=stalled', 'reason'],
  ['/dlq?tenant_id=7', 'tenant_id'],
  ['/dlq?fingerprint=abc', 'fingerprint'],
  ['/dlq?before=yesterday', 'before'],
  ['/dlq?limit=0', 'limit'],
  ['/dlq?limit=201', 'limit'],
  ['/dlq?limit=1e2', 'limit'],
  ['/dlq?cursor=', 'cursor'],
  ['/dlq?cursor=made-up', 'cursor'],
])('GET %s is 400 at %s', async ([url, path]) => {
  const answer = await appBundle().inject(url);
  expect(answer.json()).toMatchObject({ status: 400, code: 'invalid', errors: [{ path }] });
});

test.for([
  ['', null],
  ['', {}],
  ['', []],
  ['', 'all'],
  ['', { reason: null }],
  ['', { reason: 'nope' }],
  ['', { limit: 5 }],
  ['', { tenant_id: '' }],
  ['?colour=red', undefined],
  ['?reason=', undefined],
  ['?reason=invalid', { reason: 'stalled' }],
] as const)('DELETE /dlq%s with %j is 400 and clears nothing', async ([query, payload]) => {
  const { app, cleared } = bundleHolding([]);
  const answer = await app.inject({
    method: 'DELETE',
    url: `/dlq${query}`,
    ...(payload === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, payload: JSON.stringify(payload) }),
  });
  expect(answer.json()).toMatchObject({ status: 400, code: 'invalid' });
  expect(answer.json().errors).not.toEqual([]);
  expect(cleared).toEqual([]);
});

test('DELETE /dlq without a query and a body clears everything', async () => {
  const { app, cleared } = bundleHolding([unread(ID, {})]);
  const bare = await app.inject({ method: 'DELETE', url: '/dlq' });
  expect(bare.json()).toEqual({ cleared: true, count: 1 });
  const headers = { 'content-type': 'application/json', 'content-length': '0' };
  await app.inject({ method: 'DELETE', url: '/dlq', headers });
  expect(cleared).toEqual([{}, {}]);
});

test('an empty query is a filter, and clears nothing', () => {
  expect(() => toClear({ url: '/dlq?', query: {}, body: undefined })).toThrow(
    /^must have at least one condition; 1 of 1 fault$/,
  );
});

test('DELETE /dlq reads its filter from the query or from the body, times in any zone', async () => {
  const { app, cleared } = bundleHolding([unread(ID, {})]);
  const query = await app.inject({
    method: 'DELETE',
    url: `/dlq?reason=invalid&before=${encodeURIComponent('2024-12-10T13:00:15+03:00')}`,
  });
  expect(query.json()).toEqual({ cleared: true, count: 1 });
  await app.inject({ method: 'DELETE', url: '/dlq', payload: { tenant_id: ID.toUpperCase() } });
  expect(cleared).toEqual([
    { reason: 'invalid', before: '2024-12-10T10:00:15.000Z' },
    { tenantId: ID },
  ]);
});

test('a dry run counts and adds nothing', async () => {
  const { app, jobs } = bundleHolding([unread('a', {}), unread('b', {})]);
  const replay = (payload: object) => app.inject({ method: 'POST', url: '/dlq/replay', payload });
  expect((await replay({ dry_run: true })).json()).toEqual({ matched: 2, replayed: 0 });
  expect((await replay({ dry_run: true, limit: 1 })).json()).toEqual({ matched: 1, replayed: 0 });
  expect((await replay({ limit: 0 })).json()).toMatchObject({ errors: [{ path: 'limit' }] });
  expect((await replay({ colour: 'red' })).json()).toMatchObject({ errors: [{ path: 'colour' }] });
  expect(jobs).toEqual([]);
});

test('a replay sends in an entry that can be read now, and leaves one that cannot', async () => {
  const { bot_token: credential, ...body } = seed;
  const readable = { ...body, account_fingerprint: fingerprintOf(credential) };
  const { app, jobs } = bundleHolding([unread(ID, readable), unread('bad', { channel: 'sms' })]);
  const all = await app.inject({ method: 'POST', url: '/dlq/replay', payload: {} });
  expect(all.json()).toEqual({ matched: 2, replayed: 1 });
  const one = await app.inject({ method: 'POST', url: `/dlq/${ID}/replay` });
  expect(one.json()).toEqual({ matched: 1, replayed: 1 });
  expect(jobs.map((job) => job.replayOf)).toEqual([ID, ID]);
});
