import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { messagesOf } from '../support/messages.ts';
import { withRedis } from '../support/redis-client.ts';
import { startLoad } from '../support/send.ts';
import { waitFor } from '../support/wait-for.ts';

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({ workers: 2 });
});
afterAll(() => contour?.close());

const flush = () => withRedis(contour.redis.url, (redis) => redis('FLUSHALL'));

async function accept(count: number) {
  const { telegram } = (await contour.addTenant()).accounts;
  const messages = messagesOf(telegram, { count, chats: 100 });
  return startLoad({ urls: contour.urls, messages, concurrency: 30 }).done;
}

test('FLUSHALL after the answers, while Core is down, costs no message', async () => {
  contour.core.behave(() => ({ status: 503 }));
  const load = await accept(500);
  await flush();
  contour.core.behave(() => ({ status: 200 }));
  expect(await contour.check(load)).toEqual([]);
});

test('FLUSHALL costs the dead-letter queue no dead message', async () => {
  contour.core.behave(() => ({ status: 400 }));
  const { accepted } = await accept(50);
  await waitFor('the dead', async () => (await contour.dlq()).length === 50);
  await flush();
  await waitFor('the dead again', async () => (await contour.dlq()).length === 50);
  expect(await contour.check({ accepted })).toEqual([]);
});
