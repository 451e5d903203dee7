import type { Body } from '../../support/messages.ts';

type Value = string | Buffer;

/** Fields of an entry, from the JSON of a valid message. */
type Entry = (valid: string) => Value[];

const withField =
  (fields: Body): Entry =>
  (valid) => ['message', JSON.stringify({ ...JSON.parse(valid), ...fields })];
const withBytes = (...bytes: number[]): Entry => {
  return (valid) => {
    const [head = '', tail = ''] = valid.split('Hello');
    return ['message', Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)])];
  };
};
const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

/** Stream entries that are no messages, and the error of their dead letter. */
export const BAD_ENTRIES: Array<[what: string, entry: Entry, says: RegExp]> = [
  ['no field message', (valid) => ['body', valid], /^message is required/],
  ['a field in capitals', (valid) => ['Message', valid], /^message is required/],
  ['an empty field', () => ['message', ''], /must be JSON/],
  ['no JSON', () => ['message', 'hello'], /must be JSON/],
  ['half an object', (valid) => ['message', valid.slice(0, -9)], /must be JSON/],
  ['a form', () => ['message', 'channel=telegram&bot_token={token}'], /must be JSON/],
  ['a byte order mark', (valid) => ['message', `\ufeff${valid}`], /must be JSON/],
  ['a leading zero', (valid) => ['message', valid.replace('"Hello"', '01.5')], /must be JSON/],
  ['UTF-16', (valid) => ['message', Buffer.from(valid, 'utf16le')], /must be JSON/],
  [
    'UTF-16 with a mark',
    (valid) => ['message', Buffer.from(`\ufeff${valid}`, 'utf16le')],
    /must be UTF-8/,
  ],
  ['bytes that are no text', () => ['message', Buffer.from([0, 255, 1, 254])], /must be UTF-8/],
  ['an overlong zero', withBytes(0xc0, 0x80), /must be UTF-8/],
  ['half a character', withBytes(0xed, 0xa0, 0x80), /must be UTF-8/],
  ['more than 256 KiB', withField({ text: 'x'.repeat(262_144) }), /at most 262144 bytes/],
  ['a list', (valid) => ['message', `[${valid}]`], /^body must be a JSON object/],
  ['null', () => ['message', 'null'], /^body must be a JSON object/],
  [
    'a message in a text',
    (valid) => ['message', JSON.stringify(valid)],
    /^body must be a JSON object/,
  ],
  ['a message in a message', (valid) => ['message', `{"message":${valid}}`], /^channel must be/],
  [
    'a text of a message in a message',
    (valid) => ['message', JSON.stringify({ message: valid })],
    /^channel/,
  ],
  [
    'an envelope of another version',
    (valid) => ['message', `{"v":2,"message":${valid}}`],
    /^channel/,
  ],
  ['an empty object', () => ['message', '{}'], /^channel/],
  [
    'a channel that has no text',
    withField({ channel: { toString: 1 } }),
    /^channel must be one of/,
  ],
  [
    'a credential under a name that no field has',
    (valid) => [
      'message',
      valid
        .replace('"telegram"', '{}')
        .replace('"bot_token"', '"bot_token9007199254740993"')
        .replace('"Hello"', '"Hello","media":{"url":"https://files/{token}"}'),
    ],
    /^channel must be one of/,
  ],
  [
    'a credential in a field of its own and in the place of another',
    withField({ bot_token: null, token: '{token}', message: { list: ['{token}'] } }),
    /^bot_token is required/,
  ],
  [
    'a user of 257 characters',
    withField({ external_user_id: 'x'.repeat(257) }),
    /^external_user_id/,
  ],
  ['a long message id', withField({ message_ids: ['x'.repeat(257)] }), /^message_ids\.0/],
  [
    '20 001 keys',
    withField({ meta: Object.fromEntries(Array.from({ length: 20_001 }, (_, n) => [n, 0])) }),
    /^meta has too many keys/,
  ],
  ['no credential', withField({ bot_token: null }), /^bot_token is required/],
  ['two credentials', withField({ group_id: 7 }), /^group_id is not a field of telegram/],
  [
    'the credential in place of its fingerprint',
    withField({ bot_token: null, account_fingerprint: '{token}' }),
    /^account_fingerprint/,
  ],
  [
    'a fault under a key that is the credential',
    withField({ media: { '{token}': '\0' } }),
    /^media\.\{credential\} contains/,
  ],
  [
    'a text of 100 000 levels',
    withField({ text: deep(100_000), client_name: 5 }),
    /^client_name must be/,
  ],
  [
    'media of 1000 levels',
    (valid) => ['message', `${valid.slice(0, -1)},"media":${deep(1000)}}`],
    /^media is nested/,
  ],
  [
    '100 message ids that are none',
    withField({ message_ids: Array(100).fill({}) }),
    /^message_ids\.0 .* and 80 more \(/,
  ],
  [
    'a thousand credentials',
    withField({
      text: 5,
      media: Array.from({ length: 1000 }, (_, i) => ({ bot_token: `{token}-${i}` })),
    }),
    /^text must be/,
  ],
  ['U+0000', withField({ client_name: '\0' }), /^client_name contains/],
  ['an impossible day', withField({ timestamp: '2023-02-29T00:00:00Z' }), /^timestamp must be/],
  [
    'a chat of 1e400',
    (valid) => ['message', valid.replace(/"chat-[^"]+"/, '1e400')],
    /^external_chat_id/,
  ],
];

/** Unusual entries that are resolved. */
export const ODD_ENTRIES: Array<[what: string, entry: Entry]> = [
  ['other fields beside it', (valid) => ['a', '1', 'message', valid, 'b', Buffer.from([255, 0])]],
  ['the field twice, of which the first counts', (valid) => ['message', valid, 'message', '{}']],
  ['white space around it', (valid) => ['message', ` \r\n${valid}\n`]],
  ['a name that is too long', withField({ client_name: 'x'.repeat(1000) })],
  ['a phone that the channel vouches for', withField({ phone_verified: true })],
  ['a version of its own', withField({ v: 7 })],
  ['a message inside', withField({ message: { bot_token: 1 } })],
];
