import { fingerprintOf } from '@contour/contract';
import type { Body } from '../../support/messages.ts';

const SURROGATE = '\ud800';
const ids = (count: number) => Array.from({ length: count }, (_, index) => `id-${index}`);
const keys = (count: number) => Object.fromEntries(ids(count).map((id) => [id, 0]));
const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) });

/** The fault, the fields that make a valid message of Telegram invalid, and the paths of the 400. */
export const FIELDS: Array<[what: string, fields: Body, paths: string[]]> = [
  // channel
  ['no channel', { channel: null }, ['channel']],
  ['an unknown channel', { channel: 'icq' }, ['channel']],
  ['a channel in capitals', { channel: 'Telegram' }, ['channel']],
  ['a channel that is an object', { channel: {} }, ['channel']],
  ['a channel that is a list of one', { channel: ['telegram'] }, ['channel']],
  ['a channel that is its number', { channel: 1 }, ['channel']],
  ['a channel that every object has', { channel: 'constructor' }, ['channel']],
  ['a channel that is __proto__', { channel: '__proto__' }, ['channel']],

  // credential
  ['no credential', { bot_token: null }, ['bot_token']],
  ['an empty credential', { bot_token: '' }, ['bot_token']],
  ['white space in a credential', { bot_token: 'a b' }, ['bot_token']],
  ['a line feed behind a credential', { bot_token: '{token}\n' }, ['bot_token']],
  ['a no-break space in a credential', { bot_token: 'a\u00a0b' }, ['bot_token']],
  ['a credential of 257 characters', { bot_token: 'x'.repeat(257) }, ['bot_token']],
  ['a credential that is a list', { bot_token: ['{token}'] }, ['bot_token']],
  ['a credential that is an object', { bot_token: { value: '{token}' } }, ['bot_token']],
  ['a credential that is true', { bot_token: true }, ['bot_token']],
  ['a credential that is a fraction', { bot_token: 1.5 }, ['bot_token']],
  ['a credential that is no safe integer', { bot_token: 2 ** 53 }, ['bot_token']],
  ['U+0000 in a credential', { bot_token: 'a\0b' }, ['bot_token']],
  ['half a character in a credential', { bot_token: `a${SURROGATE}` }, ['bot_token']],
  ["another channel's credential beside it", { profile_id: 'x' }, ['profile_id']],
  [
    "another channel's credential in its place",
    { bot_token: null, group_id: 7 },
    ['bot_token', 'group_id'],
  ],
  [
    'the credential in three fields',
    { bot_id: '{token}', user_id: '{token}' },
    ['bot_id', 'user_id'],
  ],
  ["another channel's credential, empty", { profile_id: '' }, ['profile_id']],
  ['a malformed fingerprint', { account_fingerprint: 'abc' }, ['account_fingerprint']],
  ['a fingerprint in capitals', { account_fingerprint: 'A'.repeat(64) }, ['account_fingerprint']],
  ['a fingerprint that is a number', { account_fingerprint: 7 }, ['account_fingerprint']],
  [
    'the credential in place of its fingerprint',
    { bot_token: null, account_fingerprint: '{token}' },
    ['account_fingerprint'],
  ],
  [
    "another credential's fingerprint",
    { account_fingerprint: fingerprintOf('other') },
    ['account_fingerprint'],
  ],

  // chat
  ['no chat', { external_chat_id: null }, ['external_chat_id']],
  ['an empty chat', { external_chat_id: '' }, ['external_chat_id']],
  ['a chat of 257 characters', { external_chat_id: 'x'.repeat(257) }, ['external_chat_id']],
  ['a chat that is a fraction', { external_chat_id: 1.5 }, ['external_chat_id']],
  ['a chat that is no safe integer', { external_chat_id: 2 ** 60 }, ['external_chat_id']],
  ['a chat that is true', { external_chat_id: true }, ['external_chat_id']],
  ['a chat that is a list', { external_chat_id: ['1'] }, ['external_chat_id']],
  ['U+0000 in a chat', { external_chat_id: '1\0' }, ['external_chat_id']],
  ['half a character in a chat', { external_chat_id: SURROGATE }, ['external_chat_id']],

  // client
  ['a user that is an object', { external_user_id: {} }, ['external_user_id']],
  ['a user that is no safe integer', { external_user_id: -(2 ** 53) }, ['external_user_id']],
  ['a user of 257 characters', { external_user_id: '😀'.repeat(257) }, ['external_user_id']],
  ['U+0000 in a user', { external_user_id: '\0' }, ['external_user_id']],
  ['a name that is a number', { client_name: 5 }, ['client_name']],
  ['a name that is a list', { client_name: ['Ivan'] }, ['client_name']],
  ['half a character in a name', { client_name: `Ivan ${SURROGATE}` }, ['client_name']],
  ['a phone that is a list', { client_phone: [] }, ['client_phone']],
  ['a phone that is true', { client_phone: true }, ['client_phone']],
  ['a phone that is a fraction', { client_phone: 7999.5 }, ['client_phone']],
  ['U+0000 in a phone', { client_phone: '+7999\0' }, ['client_phone']],
  ['a phone of 257 characters', { client_phone: '7'.repeat(257) }, ['client_phone']],
  ['a phone verified in words', { phone_verified: 'yes' }, ['phone_verified']],
  ['a phone verified by a number', { phone_verified: 1 }, ['phone_verified']],
  [
    'U+0000 in a name behind what is used of it',
    { client_name: `${'x'.repeat(300)}\0` },
    ['client_name'],
  ],
  ['a user name that is an object', { client_username: {} }, ['client_username']],
  ['U+0000 in a user name', { client_username: 'ivan\0' }, ['client_username']],

  // text
  ['neither text nor media', { text: null }, ['text']],
  ['an empty text without media', { text: '' }, ['text']],
  ['an empty text and media that is null', { text: '', media: null }, ['text']],
  ['a text that is a number', { text: 5 }, ['text']],
  ['a text that is false', { text: false }, ['text']],
  ['a text that is a list', { text: ['Hello'] }, ['text']],
  ['a text of more than 64 K characters', { text: 'x'.repeat(65_537) }, ['text']],
  ['U+0000 in the text', { text: 'a\0b' }, ['text']],
  ['the first half of a character', { text: SURROGATE }, ['text']],
  ['the second half of a character', { text: 'a\udfffb' }, ['text']],
  ['the halves of a character in the wrong order', { text: '\ude00\ud83d' }, ['text']],

  // timestamp
  ['a time that is no time', { timestamp: 'yesterday' }, ['timestamp']],
  ['an empty time', { timestamp: '' }, ['timestamp']],
  ['a day without a time', { timestamp: '2024-12-10' }, ['timestamp']],
  ['30 February', { timestamp: '2024-02-30T10:00:15Z' }, ['timestamp']],
  ['29 February of a common year', { timestamp: '2023-02-29T10:00:15Z' }, ['timestamp']],
  ['the 13th month', { timestamp: '2024-13-01T10:00:15Z' }, ['timestamp']],
  ['the day 0', { timestamp: '2024-12-00T10:00:15Z' }, ['timestamp']],
  ['24 o’clock', { timestamp: '2024-12-10T24:00:00Z' }, ['timestamp']],
  ['minute 60', { timestamp: '2024-12-10T10:60:15Z' }, ['timestamp']],
  ['a leap second', { timestamp: '2016-12-31T23:59:60Z' }, ['timestamp']],
  ['an offset of 24 hours', { timestamp: '2024-12-10T10:00:15+24:00' }, ['timestamp']],
  ['the year 10000', { timestamp: '10000-01-01T00:00:00Z' }, ['timestamp']],
  ['the year +010000', { timestamp: '+010000-01-01T00:00:00Z' }, ['timestamp']],
  ['a line feed behind the time', { timestamp: '2024-12-10T10:00:15Z\n' }, ['timestamp']],
  ['a time in words', { timestamp: 'Tue, 10 Dec 2024 10:00:15 GMT' }, ['timestamp']],
  ['the 13th month without an offset', { timestamp: '2024-13-01 10:00:15' }, ['timestamp']],
  ['25 o’clock', { timestamp: '2024-12-10 25:00:00' }, ['timestamp']],
  ['an offset of minute 60', { timestamp: '2024-12-10T10:00:15+0360' }, ['timestamp']],
  ['a time of 11 digits', { timestamp: 17_338_248_150 }, ['timestamp']],
  ['a time of 16 digits', { timestamp: '1733824815000000' }, ['timestamp']],
  ['a time before 1970 as a number', { timestamp: -1 }, ['timestamp']],
  ['a time that is true', { timestamp: true }, ['timestamp']],
  ['a time in other digits', { timestamp: '٢٠٢٤-١٢-١٠T١٠:٠٠:١٥Z' }, ['timestamp']],

  // message ids
  ['no message ids', { message_ids: null }, ['message_ids']],
  ['an empty list of message ids', { message_ids: [] }, ['message_ids']],
  ['1001 message ids', { message_ids: ids(1001) }, ['message_ids']],
  ['10 000 message ids', { message_ids: ids(10_000) }, ['message_ids']],
  ['a message id that is an object', { message_ids: ['a', {}] }, ['message_ids.1']],
  ['a message id that is null', { message_ids: [null] }, ['message_ids.0']],
  ['a message id that is empty', { message_ids: ['', 'a'] }, ['message_ids.0']],
  ['a message id of 257 characters', { message_ids: ['a', 'x'.repeat(257)] }, ['message_ids.1']],
  ['a message id that is a list', { message_ids: [['a']] }, ['message_ids.0']],
  ['a message id that is true', { message_ids: [true] }, ['message_ids.0']],
  ['a message id that is a fraction', { message_ids: ['a', 'b', 1e-7] }, ['message_ids.2']],
  ['a message id that is no safe integer', { message_ids: [2 ** 53] }, ['message_ids.0']],
  ['U+0000 in a message id', { message_ids: ['a', 'b\0'] }, ['message_ids.1']],
  ['half a character in a message id', { message_ids: [SURROGATE] }, ['message_ids.0']],
  ['message ids that are no list', { message_ids: 'msg_1' }, ['message_ids']],
  [
    'message ids that only look like a list',
    { message_ids: { 0: 'a', length: 1 } },
    ['message_ids'],
  ],
  ['a message id alone that is an object', { message_ids: null, message_id: {} }, ['message_id']],
  [
    'a message id alone of 257 characters',
    { message_ids: null, message_id: 'x'.repeat(257) },
    ['message_id'],
  ],
  ['a message id alone that is empty', { message_ids: null, message_id: '' }, ['message_id']],

  // trace id
  ['a trace id with a space', { trace_id: 'a b' }, ['trace_id']],
  ['a trace id with a line feed', { trace_id: 'a\n' }, ['trace_id']],
  ['a trace id of 129 characters', { trace_id: 'x'.repeat(129) }, ['trace_id']],
  ['a trace id that is not ASCII', { trace_id: 'trace_é' }, ['trace_id']],
  ['an empty trace id', { trace_id: '' }, ['trace_id']],
  ['a trace id that is a number', { trace_id: 5 }, ['trace_id']],

  // media and meta
  ['media larger than 64 KiB', { media: { blob: 'x'.repeat(65_536) } }, ['media']],
  ['media larger than 64 KiB in UTF-8 alone', { media: 'ж'.repeat(32_768) }, ['media']],
  ['media that is nested 1000 levels deep', { media: deep(1000) }, ['media']],
  ['U+0000 deep in media', { media: { files: [{ name: '\0' }] } }, ['media.files.0.name']],
  ['half a character in a key of media', { media: { file: { [SURROGATE]: 1 } } }, ['media.file']],
  [
    'a fault under a key that is the credential',
    { media: { '{token}': '\0' } },
    ['media.{credential}'],
  ],
  [
    'a fault under __proto__',
    { media: [JSON.parse('{"__proto__":"\\u0000"}')] },
    ['media.0.__proto__'],
  ],
  ['20 001 keys in media and meta', { media: keys(5_000), meta: keys(15_001) }, ['meta']],
  ['meta that is a list', { meta: [] }, ['meta']],
  ['meta that is a text', { meta: 'x' }, ['meta']],
  ['meta that is true', { meta: true }, ['meta']],
  ['meta that is nested 1000 levels deep', { meta: { in: deep(1000) } }, ['meta']],
  ['U+0000 in meta', { meta: { source: '\0' } }, ['meta.source']],

  // several faults
  [
    'several faults at once',
    { text: 7, timestamp: 'x', message_ids: [], trace_id: 'a b', profile_id: 'x' },
    ['message_ids', 'profile_id', 'text', 'timestamp', 'trace_id'],
  ],
  [
    'every field of the wrong kind',
    {
      channel: [],
      external_user_id: [],
      external_chat_id: [],
      client_name: [],
      client_phone: [],
      client_username: [],
      text: [],
      timestamp: [],
      message_ids: {},
      trace_id: [],
      meta: [],
    },
    [
      ...['channel', 'client_name', 'client_phone', 'client_username', 'external_chat_id'],
      ...['external_user_id', 'message_ids', 'meta', 'text', 'timestamp', 'trace_id'],
    ],
  ],
  [
    'every field absent',
    { channel: null, bot_token: null, external_chat_id: null, text: null, message_ids: null },
    ['channel', 'external_chat_id', 'message_ids', 'text'],
  ],
];
