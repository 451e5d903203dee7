import { type Body, messageTo } from '../../support/messages.ts';
import type { TestAccount } from '../../support/tenants.ts';

/** Existing senders write null for every field that does not apply. */
const NULLS = {
  ...{ bot_token: null, profile_id: null, group_id: null, user_id: null, bot_id: null },
  ...{ external_user_id: null, client_name: null, client_phone: null, client_username: null },
  ...{ text: null, timestamp: null, message_ids: null, trace_id: null, media: null, meta: null },
};

const BATCHED = { batched: true, batch_size: 3, batch_reason: 'debounce' };
const ALONE = { batched: false, batch_size: 1, batch_reason: 'max_wait' };

/** The media of several messages as existing senders merge them. */
const MERGED = {
  has_voice: true,
  has_images: true,
  voice_urls: ['https://api.telegram.org/file/bot{token}/voice/1.oga'],
  images: [{ url: 'https://files.example/1.jpg', width: 640 }, 'https://files.example/2.jpg'],
  items: [{ message_id: 'msg_1', media: { sticker: null, file_id: 'AgAC' } }],
};

/**
 * Requests of existing senders, by the channel of their account; the credential is added. `writtenAt` is the instant of
 * the timestamp where DEFAULT_TIMEZONE is Europe/Moscow.
 */
export const RECORDED: Array<
  [what: string, channel: TestAccount['channel'], fields: Body, writtenAt?: string]
> = [
  [
    'null for every field that does not apply, and a time of Python',
    'telegram',
    {
      ...{ external_user_id: '987654321', client_name: 'Ivan Petrov', client_username: 'ivan_p' },
      ...{ text: 'Hello\nAre you open?', timestamp: '2024-12-10T13:00:15.123456' },
      ...{ trace_id: '0c0ffee0-0000-4000-8000-000000000001', meta: BATCHED },
    },
    '2024-12-10T10:00:15.123Z',
  ],
  [
    'a time with a space, and merged media',
    'telegram',
    { text: 'Look', timestamp: '2024-12-10 13:00:15', media: MERGED, meta: BATCHED },
    '2024-12-10T10:00:15.000Z',
  ],
  [
    'merged media without a text',
    'telegram',
    { text: '', timestamp: '2024-12-10T13:00:15', media: MERGED, meta: BATCHED },
    '2024-12-10T10:00:15.000Z',
  ],
  [
    'media of which nothing is set',
    'telegram',
    {
      ...{ text: 'Hello', timestamp: '2024-12-10T10:00:15+00:00', meta: ALONE },
      media: { has_voice: false, has_images: false, voice_urls: [], images: [], items: [] },
    },
    '2024-12-10T10:00:15.000Z',
  ],
  [
    'an offset without a colon, and a phone as its id',
    'whatsapp',
    {
      ...{ external_chat_id: '79991234567@c.us', external_user_id: '79991234567@c.us' },
      ...{ client_phone: '79991234567', text: 'Hello', timestamp: '2024-12-10T13:00:15+0300' },
      meta: ALONE,
    },
    '2024-12-10T10:00:15.000Z',
  ],
  [
    'seconds since 1970, and numbers for ids',
    'vk',
    {
      ...{ external_user_id: 4_711, message_ids: [101, 102], text: 'Hello' },
      ...{ timestamp: 1_733_824_815, meta: { ...BATCHED, batch_size: 2 } },
    },
    '2024-12-10T10:00:15.000Z',
  ],
  [
    'seconds since 1970 as a string',
    'avito',
    { external_chat_id: 'u2i-Zx9~1', text: 'Is it available?', timestamp: '1733824815' },
    '2024-12-10T10:00:15.000Z',
  ],
  [
    'milliseconds since 1970',
    'max',
    { external_user_id: 5_551, text: 'Hello', timestamp: 1_733_824_815_123, meta: ALONE },
    '2024-12-10T10:00:15.123Z',
  ],
  [
    'seconds with fractions, as time.time() of Python returns them',
    'max',
    { text: 'Hello', timestamp: 1_733_824_815.25, meta: {} },
    '2024-12-10T10:00:15.250Z',
  ],
  [
    'the name of a person whom the channel does not tell, and a time of JavaScript',
    'vk',
    {
      ...{ client_name: '', text: 'Hello', timestamp: '2024-12-10T10:00:15.123Z' },
      ...{ media: {}, meta: ALONE },
    },
    '2024-12-10T10:00:15.123Z',
  ],
  ['no time', 'avito', { text: 'Hello', meta: ALONE }],
  [
    'one message_id, and fields that the contract does not have',
    'telegram',
    {
      ...{ message_ids: null, message_id: 'single', text: 'Hello', tenant_id: null },
      ...{ timestamp: '2024-12-10T13:00:15', source: 'input', retries: 0 },
    },
    '2024-12-10T10:00:15.000Z',
  ],
];

/** A recorded request, with the credential of an account and ids of its own. */
export function recordedBody(account: TestAccount, fields: Body): Body {
  const text = JSON.stringify({ ...NULLS, ...messageTo(account), ...fields });
  return JSON.parse(text.replaceAll('{token}', account.credential));
}
