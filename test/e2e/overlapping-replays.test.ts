import { createProducer } from '@contour/queue';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { messagesOf, messageTo } from '../support/messages.ts';
import { request, resolve, startLoad } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { waitFor } from '../support/wait-for.ts';

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({ workers: 2 });
});
afterAll(() => contour?.close());

const deadCount = async () => {
  const { rows } = await contour.database.pool.query<{ n: number }>(
    "select count(*)::int as n from messages where status = 'dead'",
  );
  return rows[0]?.n;
};

test('replays that overlap lose no dead message: each is in the queue until it is delivered', async () => {
  const DEAD = 60;
  contour.core.behave(() => ({ status: 400 }));
  const { accounts } = await contour.addTenant();
  const messages = messagesOf(accounts.telegram, { count: DEAD, chats: DEAD });
  const load = startLoad({ urls: contour.urls, messages, concurrency: 10 });
  const { accepted } = await load.done;
  const allDead = () => waitFor('all dead', async () => (await deadCount()) === DEAD);
  await allDead();

  const replay = () => request('POST', `${contour.url}/dlq/replay`, { body: {} });
  for (let round = 0; round < 3; round += 1) {
    await Promise.all([replay(), replay(), replay()]);
    await allDead();
    expect(await contour.dlq()).toHaveLength(DEAD);
  }

  contour.core.behave(() => ({ status: 200 }));
  await replay();
  await waitFor('all delivered', async () => (await deadCount()) === 0);
  await waitFor('an empty queue', async () => {
    // A replay that met a message on its way leaves the entry; the next one finds it delivered.
    await replay();
    return (await contour.dlq()).length === 0;
  });
  expect(await contour.check({ accepted })).toEqual([]);
});

test('a bad copy of a dead message does not take its place in the queue', async () => {
  contour.core.behave(() => ({ status: 400 }));
  const { accounts } = await contour.addTenant();
  const message = messageTo(accounts.telegram);
  const id = (await resolve(contour.url, message)).json.message_id;
  await storyIn(contour, id, 'dead');

  const copy = { ...message, text: 'other' };
  expect((await resolve(contour.url, copy, { prefer: 'respond-async' })).status).toBe(202);
  const queue = createProducer({ redisUrl: contour.redis.url, onError: () => undefined });
  onTestFinished(() => queue.close());
  await waitFor('the copy to be refused', async () => {
    const { waiting, active } = await queue.backlog();
    return waiting + active === 0;
  });
  const entry = await request('GET', `${contour.url}/dlq/${id}`);
  expect(entry.json).toMatchObject({ reason: 'core_refused', message: { text: message.text } });
});
