import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { idOf, messageTo } from '../support/messages.ts';
import { withRedis } from '../support/redis-client.ts';
import { dumpRedis } from '../support/redis-dump.ts';
import { get, request, resolve } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { addToStreams } from '../support/streams.ts';
import type { TestTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

const BOUND = 1_000_000;
const MADE_UP = 20;
const TEXT = `private ${'x'.repeat(60_000)}`;
const REST = 'y'.repeat(150_000);

let contour: Contour;
let tenant: TestTenant;
beforeAll(async () => {
  contour = await startContour({
    env: {
      ...{ MAX_PARKED_UNKNOWN_BYTES: String(BOUND), MAX_PARKED_BYTES_PER_ACCOUNT: '500000' },
      MAX_PARKED_UNKNOWN: '100',
    },
  });
  tenant = await contour.addTenant();
});
afterAll(() => contour?.close());

/** A message of 210 KB. */
const large = (credential: string) =>
  messageTo({ ...tenant.accounts.telegram, credential }, { text: TEXT, meta: { rest: REST } });

const shownByRedis = () =>
  withRedis(contour.redis.url, async (redis) =>
    Number(await redis('ZCARD', 'bull:dlq:prioritized')),
  );

async function parkedBytes(): Promise<number> {
  const { rows } = await contour.database.pool.query<{ bytes: string }>(
    'select coalesce(sum(bytes), 0) as bytes from parked where was_refused',
  );
  return Number(rows[0]?.bytes);
}

test('entries of made-up credentials stay within their common limit, and accepted messages stay', async () => {
  contour.core.behave(() => ({ status: 400 }));
  const refused = messageTo(tenant.accounts.telegram);
  expect((await resolve(contour.url, refused)).status).toBe(200);
  await storyIn(contour, idOf(refused), 'dead');
  const entry = { ...large('made-up-stream'), text: 'of a stream' };
  await addToStreams(contour.redis.url, [entry]);
  await storyIn(contour, idOf(entry), 'parked');

  const bodies = Array.from({ length: MADE_UP }, (_, n) => large(`made-up-${n}`));
  for (const body of bodies) {
    const answer = await resolve(contour.url, body);
    expect(answer).toMatchObject({ status: 404, json: { code: 'unknown_tenant' } });
    expect(answer.json.detail).not.toContain('not parked');
  }
  await waitFor('the bound', async () => (await parkedBytes()) <= BOUND);
  expect(await parkedBytes()).toBeGreaterThan(BOUND / 2);

  const ids = (await contour.dlq()).map(({ id }) => id);
  expect(ids.slice(0, 2)).toEqual([idOf(refused), idOf(entry)]);
  expect(ids.slice(2)).toEqual(bodies.slice(2 - ids.length).map(idOf));
  const dropped = await get(`${contour.url}/messages/${idOf(bodies[0] ?? {})}`);
  expect(dropped.status).toBe(404);
  await storyIn(contour, idOf(bodies.at(-1) ?? {}), 'parked');
});

test('Redis shows the entries without their content', async () => {
  const ids = (await contour.dlq()).map(({ id }) => id);
  await waitFor('Redis to show them', async () => (await shownByRedis()) === ids.length);
  const board = `${contour.url}/admin/queues/api/queues?activeQueue=dlq&status=prioritized`;
  const { json } = await get(board);
  const queue = json.queues.find(({ name }: { name: string }) => name === 'dlq');
  const shown = queue.jobs.map(({ data }: { data: { id: string } }) => data.id);
  expect(ids).toEqual(expect.arrayContaining(shown));
  expect(queue.jobs[0].data).toMatchObject({ account: expect.any(String), attempts: 1 });
  const dump = [...(await dumpRedis(contour.redis.url)).values()].join('\n');
  expect(dump).not.toMatch(/private|made-up|yyyyyy/);
  expect(JSON.stringify(json)).not.toMatch(/private|made-up|yyyyyy/);

  await request('DELETE', `${contour.url}/dlq?reason=unknown_tenant`);
  await waitFor('Redis to show the rest', async () => (await shownByRedis()) === 1);
});

test('an account over its limit in bytes gets a 404 that says that nothing was parked', async () => {
  const details: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const { json } = await resolve(contour.url, large('made-up-greedy'));
    details.push(json.detail);
  }
  expect(details.map((detail) => detail.includes('not parked'))).toEqual([false, false, true]);
});
