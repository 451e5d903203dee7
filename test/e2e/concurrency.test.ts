import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { idOf, messageTo } from '../support/messages.ts';
import { resolve } from '../support/send.ts';

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({ apis: 2, workers: 3 });
});
afterAll(() => contour?.close());

const urlOf = (turn: number) => contour.urls[turn % contour.urls.length] ?? '';

test('200 concurrent first messages of one chat make one client and one dialog', async () => {
  const { telegram } = (await contour.addTenant()).accounts;
  const bodies = Array.from({ length: 200 }, (_, index) =>
    messageTo(telegram, { external_chat_id: 'crowd', message_ids: [index] }),
  );
  const answers = await Promise.all(bodies.map((body, turn) => resolve(urlOf(turn), body)));

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(answers.map(({ json }) => json.client_id)).size).toBe(1);
  expect(new Set(answers.map(({ json }) => json.dialog_id)).size).toBe(1);
  const { rows } = await contour.database.pool.query<{ seq: number }>(
    'select seq from messages where dialog_id = $1 order by seq',
    [answers[0]?.json.dialog_id],
  );
  expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));

  const accepted = answers.map(({ json, text }) => ({ messageId: json.message_id, answer: text }));
  expect(await contour.check({ accepted })).toEqual([]);
});

test('100 concurrent copies of one message are one row and a hundred equal answers', async () => {
  const { whatsapp } = (await contour.addTenant()).accounts;
  const body = messageTo(whatsapp);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, turn) =>
      resolve(urlOf(turn), { ...body, trace_id: `copy-${turn}` }),
    ),
  );

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  const first = answers.filter(({ headers }) => headers.get('idempotent-replayed') === null);
  expect(first.length).toBe(1);
  const { rows } = await contour.database.pool.query('select id from messages where id = $1', [
    idOf(body),
  ]);
  expect(rows.length).toBe(1);

  const accepted = answers.map(({ json, text }) => ({ messageId: json.message_id, answer: text }));
  expect(await contour.check({ accepted })).toEqual([]);
});

test('concurrent first messages from two channels with one phone make one client', async () => {
  const { telegram, max } = (await contour.addTenant()).accounts;
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, turn) =>
      resolve(
        urlOf(turn),
        messageTo(turn % 2 ? telegram : max, {
          external_chat_id: `phone-${turn % 6}`,
          client_phone: '+7 999 765 43 21',
        }),
      ),
    ),
  );
  expect(new Set(answers.map(({ json }) => json.client_id)).size).toBe(1);
  const accepted = answers.map(({ json, text }) => ({ messageId: json.message_id, answer: text }));
  expect(await contour.check({ accepted })).toEqual([]);
});

test('the same chat id and message ids in two tenants are two messages', async () => {
  const [one, other] = await Promise.all([contour.addTenant(), contour.addTenant()]);
  const fields = { external_chat_id: '42', message_ids: ['1'], client_phone: '+79990001122' };
  const answers = await Promise.all(
    [one, other].map(({ accounts }) => resolve(contour.url, messageTo(accounts.telegram, fields))),
  );
  const [first, second] = answers.map(({ json }) => json);
  expect(first.tenant_id).toBe(one.id);
  expect(second.tenant_id).toBe(other.id);
  for (const field of ['client_id', 'dialog_id', 'message_id']) {
    expect(first[field]).not.toBe(second[field]);
  }
  const accepted = answers.map(({ json, text }) => ({ messageId: json.message_id, answer: text }));
  expect(await contour.check({ accepted })).toEqual([]);
});
