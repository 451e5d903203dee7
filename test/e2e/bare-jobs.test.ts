import { type JobsOptions, Queue } from 'bullmq';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, idOf, messageTo } from '../support/messages.ts';
import { rewriteAof } from '../support/redis-client.ts';
import { withFingerprint } from '../support/streams.ts';
import type { TestTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

let contour: Contour;
let tenant: TestTenant;
let queue: Queue;
beforeAll(async () => {
  contour = await startContour();
  tenant = await contour.addTenant();
  queue = new Queue('resolve', { connection: { url: contour.redis.url } });
});
afterAll(async () => {
  await queue?.close();
  await contour?.close();
});

const add = (data: unknown, options: JobsOptions = {}) => queue.add('resolve', data, options);

const areDone = async () => {
  const { waiting, active, delayed } = await queue.getJobCounts('waiting', 'active', 'delayed');
  return waiting === 0 && active === 0 && delayed === 0;
};

const accepted = (...bodies: Body[]) =>
  bodies.map((body) => ({ messageId: idOf(body), answer: null }));

test('a job with a credential is resolved, and the credential is only in Postgres', async () => {
  const { vk } = tenant.accounts;
  const body = messageTo(vk, { meta: { copy: vk.credential } });
  // The data of this job is removed, although its producer keeps all jobs.
  await add(body, { removeOnComplete: false, removeOnFail: false });
  await waitFor('the job', areDone);
  await rewriteAof(contour.redis.url);
  expect(await contour.check({ accepted: accepted(body) })).toEqual([]);
});

test('two jobs with one message, with any job ids, store one message', async () => {
  const { telegram } = tenant.accounts;
  const body = messageTo(telegram);
  await add(body, { jobId: 'an id of theirs' });
  await add(withFingerprint(body, telegram));
  await add(body, { jobId: 'another' });
  await waitFor('the jobs', areDone);
  const { rows } = await contour.database.pool.query('select 1 from messages where id = $1', [
    idOf(body),
  ]);
  expect(rows).toHaveLength(1);
  await rewriteAof(contour.redis.url);
  expect(await contour.check({ accepted: accepted(body) })).toEqual([]);
});

test('an invalid job is parked with every faulty path and without its credential', async () => {
  const { avito } = tenant.accounts;
  const body = { ...messageTo(avito), external_chat_id: '', text: 5 };
  await add(body, { attempts: 1 });
  await add('no body at all', { attempts: 1 });
  await waitFor('the jobs', areDone);
  const messages = (await contour.dlq())
    .filter(({ reason }) => reason === 'invalid')
    .map(({ error }) => error?.message ?? '');
  expect(messages).toHaveLength(2);
  expect(messages.find((one) => one.includes('external_chat_id'))).toMatch(/text/);
  await rewriteAof(contour.redis.url);
  expect(await contour.check({ accepted: [] })).toEqual([]);
});
