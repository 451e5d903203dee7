import { createHmac, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { messageTo } from '../support/messages.ts';
import { type Accepted, resolve } from '../support/send.ts';
import { payloadAtCore, storyIn } from '../support/story.ts';
import { switchTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

const secret = randomBytes(24);

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({
    env: { CORE_SECRET: `whsec_${secret.toString('base64')}` },
  });
});
afterAll(() => contour?.close());
beforeEach(() => contour.core.behave(() => ({ status: 200 })));

test('with CORE_SECRET every request carries a Standard Webhooks signature', async () => {
  const { telegram } = (await contour.addTenant()).accounts;
  // The first answer is lost: the repeat has the same bytes and a new signature.
  contour.core.behave((_request, nth) => (nth === 1 ? { cut: 'silent' } : { status: 204 }));
  const { json } = await resolve(contour.url, messageTo(telegram, { text: 'под подпись 𝄞' }));
  await storyIn(contour, json.message_id, 'delivered');

  const requests = contour.core.requests.filter(({ key }) => key === json.message_id);
  expect(requests).toHaveLength(2);
  for (const { headers, body } of requests) {
    const timestamp = String(headers['webhook-timestamp']);
    expect(headers['webhook-id']).toBe(json.message_id);
    expect(headers['idempotency-key']).toBe(json.message_id);
    expect(headers['x-trace-id']).toBe(json.trace_id);
    expect(Math.abs(Date.now() / 1000 - Number(timestamp))).toBeLessThan(60);
    const signed = `${json.message_id}.${timestamp}.${body}`;
    const signature = createHmac('sha256', secret).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
  }
  const accepted = [{ messageId: json.message_id, answer: null }];
  expect(await contour.check({ accepted })).toEqual([]);
});

test('numbers, texts and keys reach Core unchanged, and the credential does not', async () => {
  const { telegram } = (await contour.addTenant()).accounts;
  const media =
    '{"big":12345678901234567890,"price":1.50,"huge":1e400,"minus":-0,"small":0.1000,' +
    '"__proto__":{"x":1},"text":"𝄞 é 👩‍👩‍👧 \\u2028","empty":{},"list":[[],null,true]}';
  const text = JSON.stringify(messageTo(telegram, { text: '𝄞', media: 'MEDIA', meta: 'META' }))
    .replace('"MEDIA"', media)
    .replace('"META"', '{"id":9007199254740993,"ratio":2.0}');
  const { json, status } = await resolve(contour.url, text);
  expect(status).toBe(200);
  await payloadAtCore(contour, json.message_id);
  const body = contour.core.requests.find(({ key }) => key === json.message_id)?.body ?? '';
  for (const exact of ['12345678901234567890', '1.50', '1e400', '-0', '0.1000']) {
    expect(body).toContain(exact);
  }
  expect(body).toContain('"id":9007199254740993,"ratio":2.0');
  expect(body).toContain('"__proto__":{"x":1}');
  expect(JSON.parse(body).media.text).toBe('𝄞 é 👩‍👩‍👧 \u2028');
  expect(JSON.parse(body).text).toBe('𝄞');

  const file = { file_url: `https://files.example/bot${telegram.credential}/photo.jpg` };
  const second = await resolve(contour.url, messageTo(telegram, { media: file }));
  const payload = await payloadAtCore(contour, second.json.message_id);
  expect(payload.media).toEqual({ file_url: 'https://files.example/bot{credential}/photo.jpg' });
  const accepted = [json, second.json].map((one) => ({ messageId: one.message_id, answer: null }));
  expect(await contour.check({ accepted })).toEqual([]);
});

test('messages accepted before their tenant was switched off are still delivered', async () => {
  const tenant = await contour.addTenant();
  contour.core.behave(() => ({ status: 503 }));
  const bodies = Array.from({ length: 5 }, (_, index) =>
    messageTo(tenant.accounts.telegram, { external_chat_id: 'chat', message_ids: [index] }),
  );
  const accepted: Accepted[] = [];
  for (const body of bodies) {
    const answer = await resolve(contour.url, body);
    accepted.push({ messageId: answer.json.message_id, answer: answer.text });
  }
  await waitFor('an attempt', () => contour.core.payloadOf(accepted[0]?.messageId ?? ''));
  await switchTenant(contour.database.pool, tenant.id, false);
  const refusal = async () =>
    (await resolve(contour.url, messageTo(tenant.accounts.telegram))).status === 403;
  contour.core.behave(() => ({ status: 200 }));
  await waitFor('a 403', refusal, { deadlineMs: 1000 });
  for (const { messageId } of accepted) await storyIn(contour, messageId, 'delivered');
  expect(await contour.check({ accepted })).toEqual([]);
});

test.each([
  ['without CORE_URL', { CORE_URL: '' }],
  ['in production, with CORE_URL=console,', { NODE_ENV: 'production', CORE_URL: 'console' }],
])('%s the payload is printed and counts as delivered', async (_when, env) => {
  await Promise.all(contour.workers.map((one) => one.stop()));
  const { length } = contour.core.requests;
  const worker = await contour.startWorker(env);
  const { max } = (await contour.addTenant()).accounts;
  const { json } = await resolve(contour.url, messageTo(max, { text: 'for the console' }));
  await storyIn(contour, json.message_id, 'delivered');
  await waitFor('the payload in the log', () => worker.output().includes('for the console'));
  expect(worker.output()).toContain(json.message_id);
  expect(contour.core.requests).toHaveLength(length);
});
