import {
  AppError,
  accountOf,
  fingerprintOf,
  type Outcome,
  type ResolveJob,
} from '@contour/contract';
import { unavailable } from '@contour/http';
import type { Logger } from '@contour/runtime';
import { expect, test } from 'vitest';
import { createWaitingLimit } from '../src/back-pressure.ts';
import { appBundle, receiptFor, seed, workerSaying } from './app-bundle.ts';

const post = { method: 'POST', url: '/resolve', payload: seed } as const;
const TENANT = '0198c0de-0000-7000-8000-000000000001';

test('a resolved message gets its receipt and nothing else', async () => {
  const worker = workerSaying((job) => ({ kind: 'resolved', receipt: receiptFor(job) }));
  const answer = await appBundle(worker).inject(post);
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['idempotent-replayed']).toBeUndefined();
  expect(Object.keys(answer.json())).toEqual([
    'accepted',
    'tenant_id',
    'client_id',
    'dialog_id',
    'trace_id',
    'message_id',
  ]);
  expect(worker.waiting.size).toBe(0);
});

const UNSTORABLE: Outcome = {
  kind: 'invalid',
  faults: [{ path: '', message: 'cannot be stored' }],
};

const refusals: Array<[Outcome, boolean, number, string, string | RegExp]> = [
  [{ kind: 'unknown_tenant' }, true, 404, 'unknown_tenant', /is parked/],
  [{ kind: 'unknown_tenant' }, false, 404, 'unknown_tenant', /is not parked/],
  [{ kind: 'tenant_disabled', tenantId: TENANT }, false, 403, 'tenant_disabled', 'Tenant disabled'],
  [{ kind: 'conflict', tenantId: TENANT }, false, 409, 'message_conflict', /Nothing is stored/],
  [UNSTORABLE, false, 400, 'invalid', /^cannot be stored; 1 of 1 fault$/],
];

test.for(refusals)('%o (parked: %s) is %i %s', async ([outcome, parked, status, code, detail]) => {
  const answer = await appBundle(workerSaying(() => outcome, parked)).inject(post);
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toMatchObject({
    status,
    code,
    reason: code,
    accepted: false,
    trace_id: seed.trace_id,
    detail: expect.stringMatching(detail),
  });
});

test('a duplicate is marked as one', async () => {
  const worker = workerSaying((job) => ({ kind: 'replayed', receipt: receiptFor(job) }));
  const answer = await appBundle(worker).inject(post);
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['idempotent-replayed']).toBe('true');
});

test('the outcome of a lost reply is found in the ledger', async () => {
  const jobs: ResolveJob[] = [];
  const app = appBundle({
    addJob: async (job) => void jobs.push(job),
    findAnswer: async (message) => ({
      receipt: receiptFor({ v: 1, message }),
      contentHash: message.contentHash,
      receivedAt: message.receivedAt,
    }),
  });
  const answer = await app.inject(post);
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['idempotent-replayed']).toBeUndefined();
  expect(jobs).toHaveLength(1);
});

test('a message that is not resolved in time is answered not_yet and noted as queued', async () => {
  const notes: unknown[] = [];
  const answer = await appBundle({ noteQueued: async (note) => void notes.push(note) }).inject(
    post,
  );
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toMatchObject({ code: 'not_yet', trace_id: seed.trace_id });
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  expect(notes).toHaveLength(1);
});

test('respond-async is answered after the message was queued, and no reply is requested', async () => {
  const jobs: ResolveJob[] = [];
  const app = appBundle({ addJob: async (job) => void jobs.push(job) });
  const answer = await app.inject({ ...post, headers: { prefer: 'respond-async' } });
  expect(answer.statusCode).toBe(202);
  const { message_id: messageId } = answer.json();
  expect(answer.json()).toEqual({
    accepted: true,
    trace_id: seed.trace_id,
    message_id: messageId,
    status_url: `/messages/${messageId}`,
  });
  expect(answer.headers.location).toBe(`/messages/${messageId}`);
  expect(answer.headers['preference-applied']).toBe('respond-async');
  expect(jobs.map((job) => job.reply)).toEqual([undefined]);
});

test('respond-async with a wait answers an outcome that comes in time', async () => {
  const worker = workerSaying(() => ({ kind: 'tenant_disabled', tenantId: TENANT }));
  const app = appBundle({ ...worker, waitMs: 5000 });
  const answer = await app.inject({ ...post, headers: { prefer: 'respond-async, wait=5' } });
  expect(answer.statusCode).toBe(403);
});

test('respond-async with a wait is queued when the wait has passed', async () => {
  const answer = await appBundle().inject({
    ...post,
    headers: { prefer: 'wait=5, respond-async' },
  });
  expect(answer.statusCode).toBe(202);
});

test('an outage of Redis is unavailable, with Retry-After', async () => {
  const app = appBundle({
    addJob: async () => {
      throw new AppError('redis_unavailable', 'secret host name', new Error('ECONNREFUSED'));
    },
  });
  const answer = await app.inject(post);
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toMatchObject({ code: 'unavailable', trace_id: seed.trace_id });
  expect(answer.body).not.toContain('secret');
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
});

test('back-pressure refuses before a job is added', async () => {
  const jobs: ResolveJob[] = [];
  const app = appBundle({
    addJob: async (job) => void jobs.push(job),
    backPressure: {
      check() {
        throw unavailable('The backlog is over its limit.');
      },
    },
  });
  const answer = await app.inject(post);
  expect(answer.json()).toMatchObject({
    status: 503,
    code: 'unavailable',
    trace_id: seed.trace_id,
  });
  expect(jobs).toEqual([]);
});

test('an account at its limit of waiting messages is refused, and another is not', async () => {
  const added: ResolveJob[] = [];
  const full = accountOf({ channel: 'telegram', fingerprint: fingerprintOf(seed.bot_token) });
  const app = appBundle({
    addJob: async (job) => void added.push(job),
    limitWaiting: createWaitingLimit((account) => (account === full ? 10 : 9), 10),
  });
  const send = (bot_token: string) =>
    app.inject({
      method: 'POST',
      url: '/resolve',
      headers: { prefer: 'respond-async' },
      payload: { ...seed, bot_token },
    });
  const refused = await send(seed.bot_token);
  expect(refused.statusCode).toBe(429);
  expect(refused.headers['retry-after']).toBe('2');
  expect(refused.json()).toMatchObject({
    ...{ code: 'too_many_requests', accepted: false, trace_id: seed.trace_id },
    detail: 'At most 10 messages of one account may wait to be resolved.',
  });
  expect(added).toEqual([]);
  expect((await send('another-credential')).statusCode).toBe(202);
});

test('a caller over the rate gets Retry-After, another is accepted', async () => {
  const worker = workerSaying((job) => ({ kind: 'resolved', receipt: receiptFor(job) }));
  const keys = [
    { name: 'one', key: 'key-one' },
    { name: 'two', key: 'key-two' },
  ];
  const app = appBundle({ ...worker, apiKeys: keys, rateLimit: 1 });
  const asking = (key: string) =>
    app.inject({ ...post, headers: { authorization: `Bearer ${key}` } });
  expect((await asking('key-one')).statusCode).toBe(200);
  const second = await asking('key-one');
  expect(second.json()).toMatchObject({ status: 429, code: 'too_many_requests' });
  expect(second.headers['retry-after']).toBe('1');
  expect((await asking('key-two')).statusCode).toBe(200);
});

test('an unexpected error is a 500 that does not show its cause', async () => {
  const logged: object[] = [];
  const app = appBundle({
    addJob: async () => {
      throw new Error('secret');
    },
    logger: {
      debug() {},
      info() {},
      warn() {},
      error: (fields: object) => void logged.push(fields),
    },
  });
  const answer = await app.inject(post);
  expect(answer.json()).toMatchObject({ status: 500, code: 'internal', trace_id: seed.trace_id });
  expect(answer.body).not.toContain('secret');
  expect(logged).toHaveLength(1);
});

test('a request is one log line, without its body or its query', async () => {
  const lines: Array<[object, string]> = [];
  const logger = {
    debug() {},
    warn() {},
    error() {},
    info: ((fields: object, text: string) => void lines.push([fields, text])) as Logger['info'],
  };
  const worker = workerSaying(() => ({ kind: 'unknown_tenant' }), true);
  await appBundle({ ...worker, logger }).inject({ ...post, url: '/resolve?secret=1' });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toEqual([
    expect.objectContaining({
      method: 'POST',
      route: '/resolve',
      status: 404,
      code: 'unknown_tenant',
      trace_id: seed.trace_id,
      message_id: expect.any(String),
    }),
    'request.completed',
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret');
});
