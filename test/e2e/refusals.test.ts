import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { messagesOf, messageTo } from '../support/messages.ts';
import { isWholeMatrix } from '../support/seed.ts';
import { get, resolve, startLoad } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import type { TestTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

/** More often than DELIVER_ATTEMPTS takes long, because open circuits let only a few probes through. */
const REFUSALS = isWholeMatrix() ? 3 : 1;

let contour: Contour;
let tenant: TestTenant;
beforeAll(async () => {
  contour = await startContour({ workers: 2, env: { DELIVER_ATTEMPTS: '2' } });
});
afterAll(() => contour?.close());
beforeEach(async () => {
  tenant = await contour.addTenant();
});

/** Sends a message that Core accepts, and waits for its delivery. */
async function deliverAnother(): Promise<void> {
  const other = await contour.addTenant();
  const answer = await resolve(contour.url, messageTo(other.accounts.telegram));
  await storyIn(contour, answer.json.message_id, 'delivered');
}

test.each(isWholeMatrix() ? [302, 401, 404, 429] : [401])(
  'while Core answers %i to all messages none dies, and all are delivered in order when it recovers',
  async (status) => {
    contour.core.behave(() => ({ status }));
    const tenants = [tenant, await contour.addTenant(), await contour.addTenant()];
    const loads = await Promise.all(
      tenants.map(({ accounts }) => {
        const messages = messagesOf(accounts.telegram, { count: 40, chats: 10 });
        return startLoad({ urls: contour.urls, messages, concurrency: 4 }).done;
      }),
    );
    const ids = loads.flatMap(({ accepted }) => accepted.map(({ messageId }) => messageId));
    expect(ids).toHaveLength(120);
    const isRefused = () => {
      const counts = new Map<string, number>();
      for (const { key } of contour.core.requests) counts.set(key, (counts.get(key) ?? 0) + 1);
      return ids.some((id) => (counts.get(id) ?? 0) >= REFUSALS);
    };
    await waitFor(`${REFUSALS} refusals of a message`, isRefused, { deadlineMs: 60_000 });
    const { pool } = contour.database;
    const { rows } = await pool.query(
      'select distinct status, attempts, last_error from messages where id = any($1)',
      [ids],
    );
    expect(rows).toEqual([{ status: 'pending', attempts: 0, last_error: null }]);

    contour.core.behave(() => ({ status: 200 }));
    for (const id of ids) await storyIn(contour, id, 'delivered', 30_000);
    expect((await get(`${contour.url}/dlq`)).json.count).toBe(0);
    expect(await contour.check({ accepted: loads.flatMap(({ accepted }) => accepted) })).toEqual(
      [],
    );
  },
);

test.each(isWholeMatrix() ? [307, 403] : [307])(
  'a message that Core answers with %i waits until Core accepts another one, and is dead then',
  async (status) => {
    contour.core.behave(({ body }) => ({ status: body.includes('the second') ? status : 200 }));
    const ids: string[] = [];
    for (const text of ['the first', 'the second', 'the third']) {
      const body = messageTo(tenant.accounts.telegram, { external_chat_id: 'chat', text });
      ids.push((await resolve(contour.url, body)).json.message_id);
    }
    const [first = '', second = '', third = ''] = ids;
    await storyIn(contour, first, 'delivered');
    const refusals = () => contour.core.requests.filter(({ key }) => key === second).length;
    await waitFor('the second to be refused twice', () => refusals() >= 2);
    expect(await storyIn(contour, second, 'pending')).toMatchObject({ attempts: 0 });
    await deliverAnother();
    const story = await storyIn(contour, second, 'dead', 30_000);
    expect(story).toMatchObject({ attempts: 1, last_error: `http_${status}` });
    await storyIn(contour, third, 'delivered');
    const entry = (await get(`${contour.url}/dlq/${second}`)).json;
    expect(entry).toMatchObject({ reason: 'core_refused', attempts: 1 });
  },
);

test('when Core refuses the messages of one tenant they are dead soon, and others are delivered', async () => {
  contour.core.behave(({ body }) => ({ status: body.includes(tenant.id) ? 403 : 200 }));
  const other = await contour.addTenant();
  const [refused, served] = await Promise.all([
    startLoad({
      urls: contour.urls,
      messages: messagesOf(tenant.accounts.telegram, { count: 90, chats: 60 }),
      concurrency: 10,
    }).done,
    startLoad({
      urls: contour.urls,
      messages: messagesOf(other.accounts.telegram, { count: 200, chats: 20 }),
      concurrency: 2,
      paceMs: 100,
    }).done,
  ]);
  for (const { messageId } of served.accepted) await storyIn(contour, messageId, 'delivered');
  for (const { messageId } of refused.accepted) await storyIn(contour, messageId, 'dead', 30_000);
  expect((await get(`${contour.url}/dlq?tenant_id=${tenant.id}`)).json.count).toBe(90);
});
