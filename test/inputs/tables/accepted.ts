import type { Body } from '../../support/messages.ts';

const ids = (count: number) => Array.from({ length: count }, (_, index) => `id-${index}`);
const keys = (count: number) => Object.fromEntries(ids(count).map((id) => [id, 0]));
const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) });

/** Values within a limit: fields of a message of Telegram that is valid with them. */
export const ACCEPTED: Array<[what: string, fields: Body]> = [
  ['a text of 64 K characters', { text: 'ж'.repeat(65_536) }],
  ['a text of 60 K characters of two units each', { text: '👩'.repeat(60_000) }],
  ['an empty text with media', { text: '', media: { photo: 1 } }],
  ['no text with media', { text: null, media: [1] }],
  ['no text with media that is false', { text: null, media: false }],
  ['white space for a text', { text: ' \r\n\u2028\u00a0' }],
  ['1000 message ids', { message_ids: ids(1000) }],
  ['1000 message ids, each many times', { message_ids: [...ids(1000), ...ids(1000), ...ids(500)] }],
  ['message_id alone', { message_ids: null, message_id: 77 }],
  ['ids repeated in the list', { message_ids: ['a', 'a', 1, '1'] }],
  ['a message id of 256 characters', { message_ids: ['😀'.repeat(256)] }],
  ['a message id of white space', { message_ids: ['   '] }],
  ['a chat that is a negative integer', { external_chat_id: -100123 }],
  ['a chat that is the largest safe integer', { external_chat_id: Number.MAX_SAFE_INTEGER }],
  ['a chat of 256 characters', { external_chat_id: 'ж'.repeat(256) }],
  ['a chat of 256 characters of two units each', { external_chat_id: '😀'.repeat(256) }],
  ['a user of 256 characters', { external_user_id: 'ж'.repeat(256) }],
  ['a chat of separators', { external_chat_id: '","\u2028:\\|/%00\n' }],
  ['a chat that looks like SQL', { external_chat_id: "'; drop table messages; --" }],
  ['a time with an offset', { timestamp: '2024-12-10T13:00:15.123+03:00' }],
  ['a time to the nanosecond', { timestamp: '2024-12-10T10:00:15.123456789Z' }],
  ['a time without an offset', { timestamp: '2024-12-10T10:00:15' }],
  ['a time with a space', { timestamp: '2024-12-10 10:00:15.5' }],
  ['an offset without a colon', { timestamp: '2024-12-10T13:00:15+0300' }],
  ['the first hour of the year 1', { timestamp: '0001-01-01T00:00:00+23:59' }],
  ['a time in seconds', { timestamp: 1_733_824_815 }],
  ['a time in milliseconds', { timestamp: '1733824815123' }],
  ['29 February of a leap year', { timestamp: '2024-02-29T00:00:00-00:00' }],
  ['the last second of the year 9999', { timestamp: '9999-12-31T23:59:59+23:59' }],
  ['a fingerprint beside its credential', { account_fingerprint: '{fingerprint}' }],
  ['a fingerprint in its place', { bot_token: null, account_fingerprint: '{fingerprint}' }],
  ['unknown fields', { tenant_id: 'not mine', '\u0001': [[]], constructor: null }],
  ['an unknown field of 1000 levels', { ignored: deep(1000) }],
  ['media of 190 levels', { media: deep(190) }],
  [
    'the credential everywhere in media',
    { media: { '{token}': ['bot{token}/file', { a: '{token}' }] } },
  ],
  ['the credential in meta', { meta: { source: 'https://files/{token}/1' } }],
  [
    'keys that every object has',
    { media: { constructor: 1, toString: 2, hasOwnProperty: 3 }, meta: { valueOf: 4 } },
  ],
  ['20 000 keys in media and meta', { media: keys(5_000), meta: keys(15_000) }],
  ['flags that only we may set', { meta: { is_new_client: 'no', is_new_dialog: 7 } }],
  [
    'every optional field null',
    {
      external_user_id: null,
      client_name: null,
      client_phone: null,
      phone_verified: null,
      client_username: null,
      timestamp: null,
      trace_id: null,
      media: null,
      meta: null,
      profile_id: null,
      group_id: null,
    },
  ],
  ['a phone that is none', { client_phone: 'call me' }],
  ['a phone that is empty', { client_phone: '' }],
  ['a phone of 256 digits', { client_phone: '7'.repeat(256) }],
  ['a phone that the channel vouches for', { client_phone: '+79991112255', phone_verified: true }],
  ['a phone that is a number', { client_phone: 79_991_112_233 }],
  ['a phone in other digits', { client_phone: '+٧٩٩٩١١١٢٢٤٤' }],
  ['a name of 100 000 characters', { client_name: 'я'.repeat(100_000) }],
  ['a user name of 100 000 characters', { client_username: '😀'.repeat(60_000) }],
  ['a name of nothing', { client_name: '' }],
  ['a name that is a formula', { client_name: "=cmd|' /C calc'!A0" }],
];

/** The same, in JSON that JSON.stringify does not write. */
export const ACCEPTED_JSON: Array<[what: string, member: string]> = [
  ['of two equal keys the last counts', '"text":"last"'],
  ['a key written in escapes', '"te\\u0078t":"\\u0048ello"'],
  ['a chat of -0', '"external_chat_id":-0'],
  ['a chat of 1.0', '"external_chat_id":1.0'],
  ['a chat of 1e2', '"external_chat_id":1e2'],
  ['a key named __proto__', '"media":{"__proto__":{"channel":"vk"}},"__proto__":{"text":5}'],
  ['numbers that JavaScript has not', '"media":[1e400,-1e-400,1.50,-0,12345678901234567890]'],
  ['a number of 60 000 digits', `"media":${'1'.repeat(60_000)}`],
  ['an object that looks like a wrapped number', '"media":{"\\uf8ffnumber":"1"}'],
];

/** Unknown credentials: 404, and the message waits in the dead-letter queue. */
export const UNKNOWN: Array<[what: string, fields: Body]> = [
  ['a text', { bot_token: 'no-tenant-has-this-one' }],
  ['the credential with a letter behind it', { bot_token: '{token}x' }],
  ['the credential with a space of no width', { bot_token: '{token}\u200b' }],
  ['a credential of 256 characters', { bot_token: '😀'.repeat(256) }],
  ['a credential that is -0', { bot_token: -0 }],
  ['a number', { bot_token: -9007199254740991 }],
  ['a credential that looks like SQL', { bot_token: "'or'1'='1" }],
  [
    'the credential under another channel',
    { channel: 'whatsapp', bot_token: null, profile_id: '{token}' },
  ],
  ['a fingerprint', { bot_token: null, account_fingerprint: '0'.repeat(64) }],
];
