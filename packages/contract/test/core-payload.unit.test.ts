import { expect, it } from 'vitest';
import {
  channelOfPayload,
  checkIncoming,
  corePayload,
  corePayloadAround,
  messageOfPayload,
} from '../src/index.ts';

const checked = checkIncoming({
  channel: 'telegram',
  bot_token: 'a-telegram-credential',
  external_chat_id: 123456789,
  client_phone: '8 (999) 123-45-67',
  text: 'Merged message text',
  timestamp: '2024-12-10T13:00:15+03:00',
  message_ids: ['msg_2', 1],
  trace_id: 'trace_xyz789',
  media: { size: 1 },
  meta: { batched: true },
});
if (!checked.ok) throw new Error('the message of this test is not valid');
const { message } = checked;

const enrichment = {
  tenantId: '00000000-0000-4000-8000-000000000001',
  domainId: 1,
  dialogId: '00000000-0000-4000-8000-000000000003',
  channelAccountId: 12,
  isNewClient: false,
  isNewDialog: true,
  client: {
    id: '00000000-0000-4000-8000-000000000002',
    name: null,
    phone: null,
    channels: [{ channel: 'telegram' as const, external_id: '123456789' }],
  },
};

function payloadText(...given: Parameters<typeof corePayloadAround>): string {
  const { beforeSeq, afterSeq } = corePayloadAround(...given);
  return `${beforeSeq}7${afterSeq}`;
}

it('matches the schema, with the fields of the message as they were sent', () => {
  const payload = corePayload.parse(JSON.parse(payloadText(message, enrichment)));
  expect(payload).toMatchObject({
    external_chat_id: '123456789',
    timestamp: '2024-12-10T13:00:15+03:00',
    message_ids: ['msg_2', '1'],
    media: { size: 1 },
    seq: 7,
    meta: { batched: true, is_new_client: false, is_new_dialog: true },
    client_phone: '8 (999) 123-45-67',
    external_user_id: null,
  });
});

it.each([null, '{}', '{"a":1}'])('contains the flags beside a meta of %s', (meta) => {
  const payload = JSON.parse(payloadText({ ...message, meta }, enrichment));
  expect(payload.meta).toEqual({
    ...(meta === null ? {} : JSON.parse(meta)),
    is_new_client: false,
    is_new_dialog: true,
  });
});

it('can be read back into its message', () => {
  const text = payloadText(message, enrichment);
  const { clientName: _name, clientUsername: _user, mask: _mask, ...rest } = message;
  expect(messageOfPayload(text, message)).toMatchObject(rest);
});

it('contains its channel before the texts of the sender', () => {
  const text = '"channel_id":3,';
  expect(channelOfPayload(payloadText({ ...message, text }, enrichment))).toBe(message.channel);
  expect(channelOfPayload('{}')).toBeUndefined();
});
