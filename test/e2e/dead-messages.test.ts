import { createProducer } from '@contour/queue';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { messageTo } from '../support/messages.ts';
import { type Accepted, get, request, resolve } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { addAccount, type TestAccount } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

let contour: Contour;
let account: TestAccount;
beforeAll(async () => {
  contour = await startContour({ env: { DELIVER_ATTEMPTS: '2' } });
});
afterAll(() => contour?.close());
beforeEach(async () => {
  account = (await contour.addTenant()).accounts.telegram;
});

/** Three messages of one chat; Core answers the second with the given status. */
async function sendThree(status: number): Promise<Accepted[]> {
  contour.core.behave(({ body }) => ({ status: body.includes('the second') ? status : 200 }));
  const accepted: Accepted[] = [];
  for (const text of ['the first', 'the second', 'the third']) {
    const answer = await resolve(
      contour.url,
      messageTo(account, { external_chat_id: 'chat', text, media: { exact: 1 } }),
    );
    expect(answer.status).toBe(200);
    accepted.push({ messageId: answer.json.message_id, answer: answer.text });
  }
  return accepted;
}

test.each([
  { status: 400, reason: 'core_refused', attempts: 1 },
  { status: 422, reason: 'core_refused', attempts: 1 },
  { status: 500, reason: 'core_exhausted', attempts: 2 },
])(
  'a message that Core answers with $status is dead: $reason; the next go on',
  async (expected) => {
    const accepted = await sendThree(expected.status);
    const [first, second, third] = accepted.map(({ messageId }) => messageId);
    const story = await storyIn(contour, second ?? '', 'dead');
    expect(story).toMatchObject({ attempts: expected.attempts, seq: 2, delivered_at: null });
    expect(story.last_error).toContain(String(expected.status));
    await storyIn(contour, third ?? '', 'delivered');
    await storyIn(contour, first ?? '', 'delivered');
    expect(contour.core.requests.filter(({ key }) => key === second)).toHaveLength(
      expected.attempts,
    );

    const entry = (await get(`${contour.url}/dlq/${second}`)).json;
    expect(entry).toMatchObject({
      id: second,
      reason: expected.reason,
      stage: 'deliver',
      message_id: second,
      channel: 'telegram',
      account: { fingerprint: account.fingerprint },
      external_chat_id: 'chat',
      tenant_id: story.tenant_id,
      client_id: story.client_id,
      dialog_id: story.dialog_id,
      attempts: expected.attempts,
      message: { text: 'the second', media: { exact: 1 } },
    });
    expect(await contour.check({ accepted })).toEqual([]);
  },
);

test('a replayed dead message reaches Core with the same key and the same bytes', async () => {
  const accepted = await sendThree(422);
  const second = accepted[1]?.messageId ?? '';
  await storyIn(contour, second, 'dead');

  const inVain = await request('POST', `${contour.url}/dlq/${second}/replay`);
  expect(inVain.json).toEqual({ matched: 1, replayed: 1 });
  await storyIn(contour, second, 'dead');
  contour.core.behave(() => ({ status: 200 }));
  const replayed = await request('POST', `${contour.url}/dlq/replay`, {
    body: { reason: 'core_refused', tenant_id: JSON.parse(accepted[0]?.answer ?? '').tenant_id },
  });
  expect(replayed.json).toEqual({ matched: 1, replayed: 1 });
  await storyIn(contour, second, 'delivered');
  expect((await get(`${contour.url}/dlq/${second}`)).status).toBe(404);

  const bodies = contour.core.requests
    .filter(({ key }) => key === second)
    .map(({ body, headers }) => [headers['idempotency-key'], body]);
  expect(bodies.length).toBeGreaterThanOrEqual(2);
  expect(new Set(bodies.map(String)).size).toBe(1);
});

test('a repeat of a dead message gets its first answer again', async () => {
  contour.core.behave(() => ({ status: 400 }));
  const body = messageTo(account);
  const first = await resolve(contour.url, body);
  await storyIn(contour, first.json.message_id, 'dead');
  const again = await resolve(contour.url, body);
  expect(again.text).toBe(first.text);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
});

test('a dead message is replayed for its own tenant, although another has its credential now', async () => {
  const accepted = await sendThree(400);
  const second = accepted[1]?.messageId ?? '';
  await storyIn(contour, second, 'dead');
  const { pool } = contour.database;
  await pool.query('update channel_accounts set account_id = $2 where id = $1', [
    account.id,
    `${account.credential}-rotated`,
  ]);
  const other = await contour.addTenant();
  await addAccount(pool, other.id, 'telegram', account.credential);
  contour.core.behave(() => ({ status: 200 }));
  const replay = await request('POST', `${contour.url}/dlq/${second}/replay`);
  expect(replay.status).toBe(200);
  await storyIn(contour, second, 'delivered');
  const { rowCount } = await pool.query('select 1 from messages where tenant_id = $1', [other.id]);
  expect(rowCount).toBe(0);
  expect((await get(`${contour.url}/dlq/${second}`)).status).toBe(404);
});

test('a faulty copy of a dead message does not replace its entry', async () => {
  contour.core.behave(() => ({ status: 400 }));
  const message = messageTo(account);
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
  const entry = await get(`${contour.url}/dlq/${id}`);
  expect(entry.json).toMatchObject({ reason: 'core_refused', message: { text: message.text } });
});
