import { CHANNEL_CODES, CHANNELS } from '@contour/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { idOf, seedExample } from '../support/messages.ts';
import { resolve } from '../support/send.ts';
import { payloadAtCore } from '../support/story.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

let contour: Contour;
beforeAll(async () => {
  contour = await startContour();
});
afterAll(() => contour?.close());

describe('the example of the contract', () => {
  test.each(CHANNEL_CODES)('resolves and reaches Core field by field from %s', async (channel) => {
    const tenant = await contour.addTenant();
    const account = tenant.accounts[channel];
    const body = seedExample(account);

    const answer = await resolve(contour.url, body);
    expect(answer.text).toMatch(/^\{"accepted":true,"tenant_id":/);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    expect(Object.keys(answer.json)).toEqual([
      'accepted',
      'tenant_id',
      'client_id',
      'dialog_id',
      'trace_id',
      'message_id',
    ]);
    const { client_id: clientId, dialog_id: dialogId, message_id: messageId } = answer.json;
    expect(answer.json).toEqual({
      accepted: true,
      tenant_id: tenant.id,
      client_id: expect.stringMatching(UUID),
      dialog_id: expect.stringMatching(UUID),
      trace_id: 'trace_xyz789',
      message_id: idOf(body),
    });

    expect(await payloadAtCore(contour, messageId)).toEqual({
      tenant_id: tenant.id,
      domain_id: tenant.domainId,
      client_id: clientId,
      dialog_id: dialogId,
      channel_id: CHANNELS[channel].id,
      external_chat_id: '123456789',
      text: 'Merged message text',
      timestamp: '2024-12-10T10:00:15Z',
      message_ids: ['msg_1', 'msg_2', 'msg_3'],
      trace_id: 'trace_xyz789',
      media: {},
      meta: {
        batched: true,
        batch_size: 3,
        batch_reason: 'debounce',
        is_new_client: true,
        is_new_dialog: true,
      },
      client: {
        id: clientId,
        name: 'Ivan Petrov',
        phone: '+79991234567',
        channels: [{ channel, external_id: '123456789' }],
      },
      message_id: messageId,
      seq: 1,
      channel,
      channel_account_id: account.id,
      external_user_id: '987654321',
      client_phone: '+79991234567',
    });

    const request = contour.core.requests.find(({ key }) => key === messageId);
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': messageId,
      'x-trace-id': 'trace_xyz789',
    });
    expect(request?.headers).not.toHaveProperty('webhook-signature');
  });

  test('is accepted with null in place of every field that does not apply', async () => {
    const { telegram } = (await contour.addTenant()).accounts;
    const body = {
      ...seedExample(telegram),
      ...{ profile_id: null, group_id: null, user_id: null, bot_id: null },
      ...{ external_user_id: null, client_name: null, client_phone: null, client_username: null },
      ...{ trace_id: null, timestamp: null, media: null, meta: null, account_fingerprint: null },
    };
    const answer = await resolve(contour.url, body);
    expect(answer.status).toBe(200);
    expect(answer.json.trace_id).toMatch(UUID);
    const payload = await payloadAtCore(contour, answer.json.message_id);
    expect(payload).toMatchObject({
      media: null,
      meta: { is_new_client: true, is_new_dialog: true },
      external_user_id: null,
      client_phone: null,
      client: { name: null, phone: null },
    });
    expect(Date.parse(payload.timestamp)).toBeGreaterThan(Date.now() - 60_000);
  });

  test('counts the second message of a chat as neither a new client nor a new dialog', async () => {
    const { max } = (await contour.addTenant()).accounts;
    const first = await resolve(contour.url, seedExample(max));
    const second = await resolve(contour.url, { ...seedExample(max), message_ids: ['msg_4'] });
    expect(second.json.dialog_id).toBe(first.json.dialog_id);
    expect(await payloadAtCore(contour, second.json.message_id)).toMatchObject({
      seq: 2,
      meta: { is_new_client: false, is_new_dialog: false },
    });
  });
});

test('leaves no violation behind', async () => {
  const accepted = contour.core.requests.map(({ key }) => ({ messageId: key, answer: null }));
  expect(await contour.check({ accepted })).toEqual([]);
});
