import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Ran, runContour } from '../support/run-contour.ts';
import { resolve } from '../support/send.ts';
import { waitFor } from '../support/wait-for.ts';

const CREDENTIAL = 'a-credential-nobody-registered';

let contour: Contour;
beforeAll(async () => {
  contour = await startContour();
});
afterAll(() => contour?.close());

async function type(args: string[], input = ''): Promise<Ran['stdout']> {
  const env = {
    DATABASE_URL: contour.database.url,
    REDIS_URL: contour.redis.url,
    CORE_URL: contour.core.url,
  };
  const { code, stdout, stderr } = await runContour(args, env, input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).not.toContain(CREDENTIAL);
  return stdout;
}

test('an unknown credential is registered, and what it had sent is delivered without any further step', async () => {
  const body = {
    channel: 'telegram',
    bot_token: CREDENTIAL,
    external_chat_id: '42',
    client_name: 'Ivan Petrov',
    text: 'Hello',
    message_ids: ['m1'],
  };
  const refused = await resolve(contour.url, body);
  expect(refused).toMatchObject({ status: 404, json: { code: 'unknown_tenant' } });

  const [entry] = JSON.parse(await type(['dlq', 'list', '--json'])).items;
  expect(entry).toMatchObject({ reason: 'unknown_tenant', channel: 'telegram' });
  expect(await type(['dlq', 'list'])).toContain(entry.id);

  await type(['tenant', 'add', 'A shop', '--domain', '7']);
  await type(['channel', 'add', 'A shop', 'telegram', '--stdin'], CREDENTIAL);
  const isDelivered = async () => {
    const { rows } = await contour.database.pool.query(
      "select 1 from messages where status = 'delivered'",
    );
    return rows.length === 1;
  };
  await waitFor('the message to be delivered', isDelivered, { deadlineMs: 20_000 });

  const story = await type(['message', 'show', entry.id]);
  for (const part of [
    /parked +unknown_tenant/,
    /let in/,
    /resolved +new client, new dialog/,
    /delivered/,
    /\+\d/,
  ]) {
    expect(story).toMatch(part);
  }
  expect(JSON.parse(await type(['dlq', 'list', '--json'])).items).toEqual([]);
  expect(await contour.check({ accepted: [{ messageId: entry.id, answer: null }] })).toEqual([]);
});
