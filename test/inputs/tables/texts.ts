import { gzipSync } from 'node:zlib';

/** Makes the text to send from a valid message's JSON. */
type Spoil = (valid: string) => string | Buffer;

/** The message with these bytes inside the quotes of its `text`. */
const withBytes =
  (...bytes: number[]): Spoil =>
  (valid) => {
    const [head = '', tail = ''] = valid.split('Hello');
    return Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]);
  };

/** The message with this JSON as its `text`. */
const withText =
  (json: string): Spoil =>
  (valid) =>
    valid.replace('"Hello"', () => json);

/** The message with one more member at the end. */
const withLast =
  (member: string): Spoil =>
  (valid) =>
    `${valid.slice(0, -1)},${member}}`;

/** The message with this JSON as its chat. */
const withChat =
  (json: string): Spoil =>
  (valid) =>
    valid.replace(/"chat-[^"]+"/, () => json);

/** Invalid JSON or UTF-8: 400 without a path, because nothing could be read. */
export const NOT_JSON: Array<[what: string, spoil: Spoil]> = [
  ['nothing', () => ''],
  ['white space alone', () => ' \r\n\t '],
  ['half an object', (valid) => valid.slice(0, valid.length / 2)],
  ['an object without its end', (valid) => valid.slice(0, -1)],
  ['a comma too many', (valid) => `${valid.slice(0, -1)},}`],
  ['a comma too few', (valid) => valid.replace(',', ' ')],
  ['something behind it', (valid) => `${valid} x`],
  ['two messages', (valid) => `${valid}${valid}`],
  ['a message on each line', (valid) => `${valid}\n${valid}\n`],
  ['single quotes', (valid) => valid.replaceAll('"', "'")],
  ['a key without quotes', (valid) => valid.replace('"text"', 'text')],
  ['a comment', (valid) => `/* first */ ${valid}`],
  ['a form', () => 'channel=telegram&bot_token={token}&text=Hello'],
  ['XML', () => '<message channel="telegram" bot_token="{token}"/>'],
  ['NaN', withText('NaN')],
  ['Infinity', withText('-Infinity')],
  ['undefined', withText('undefined')],
  ['True', withText('True')],
  ['a hexadecimal number', withText('0x10')],
  ['a leading zero', withLast('"media":01.5')],
  ['a leading plus', withText('+1')],
  ['a leading point', withText('.5')],
  ['a point without an end', withText('1.')],
  ['an exponent without an end', withText('1e')],
  ['a line feed in a string', withText('"a\nb"')],
  ['a tab in a string', withText('"a\tb"')],
  ['a zero byte in a string', withText('"a\0b"')],
  ['an escape that is none', withText('"\\x41"')],
  ['half an escape', withText('"\\u12"')],
  ['a string without an end', withText('"Hello')],
  ['a byte order mark', (valid) => `\ufeff${valid}`],
  ['UTF-16, little end first', (valid) => Buffer.from(valid, 'utf16le')],
  ['UTF-16 with a mark', (valid) => Buffer.from(`\ufeff${valid}`, 'utf16le')],
  ['UTF-16, big end first', (valid) => Buffer.from(valid, 'utf16le').swap16()],
  ['Latin-1', withBytes(0x63, 0x61, 0x66, 0xe9)],
  ['an overlong slash', withBytes(0xc0, 0xaf)],
  ['an overlong zero', withBytes(0xc0, 0x80)],
  ['an overlong euro', withBytes(0xf0, 0x82, 0x82, 0xac)],
  ['half a character written in UTF-8', withBytes(0xed, 0xa0, 0x80)],
  ['both halves of a character, each in UTF-8', withBytes(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80)],
  ['a character past the last', withBytes(0xf4, 0x90, 0x80, 0x80)],
  ['a cut character', withBytes(0xf0, 0x9f, 0x98)],
  ['a continuation without a start', withBytes(0x80)],
  ['a byte that is never there', withBytes(0xff)],
  ['a compressed message', (valid) => gzipSync(valid)],
  ['brackets without an end', () => '['.repeat(200_000)],
  ['a quote without an end', () => `"${'\\"'.repeat(100_000)}`],
];

/** JSON that JSON.stringify does not write, and the paths of the 400. */
export const ODD_JSON: Array<[what: string, spoil: Spoil, paths: string[]]> = [
  ['a list', (valid) => `[${valid}]`, ['']],
  ['a text', (valid) => JSON.stringify(valid), ['']],
  ['a number', () => '5', ['']],
  ['true', () => 'true', ['']],
  ['null', () => 'null', ['']],
  ['a list of 100 000 levels', () => `${'['.repeat(100_000)}${']'.repeat(100_000)}`, ['']],
  ['an object of nothing', () => '{}', ['channel', 'external_chat_id', 'message_ids', 'text']],
  ['of two equal keys the last is wrong', withLast('"text":5'), ['text']],
  ['of two equal keys the last is null', withLast('"external_chat_id":null'), ['external_chat_id']],
  ['the same key in other letters', withLast('"te\\u0078t":5'), ['text']],
  [
    'a channel that only __proto__ has',
    (valid) => valid.replace('"channel":"telegram"', '"__proto__":{"channel":"telegram"}'),
    ['channel'],
  ],
  [
    'a credential that only __proto__ has',
    (valid) => valid.replace(/"bot_token":"[^"]+"/, '"__proto__":{"bot_token":"{token}"}'),
    ['bot_token'],
  ],
  [
    'a channel that has no text',
    withLast('"channel":{"toString":1,"valueOf":1,"constructor":{"prototype":1}}'),
    ['channel'],
  ],
  ['a chat that has no text', withChat('{"toString":null}'), ['external_chat_id']],
  ['a chat of 2^53 + 1', withChat('9007199254740993'), ['external_chat_id']],
  ['a chat of 1e400', withChat('1e400'), ['external_chat_id']],
  ['a chat of 1e-7', withChat('1e-7'), ['external_chat_id']],
  ['a text of 1e400', withText('1e400'), ['text']],
  ['a message id of 2^53 + 1', withLast('"message_ids":[9007199254740993]'), ['message_ids.0']],
  ['media of 1000 levels', withLast(`"media":${'['.repeat(1000)}${']'.repeat(1000)}`), ['media']],
  [
    'media of 100 000 levels',
    withLast(`"media":${'['.repeat(100_000)}${']'.repeat(100_000)}`),
    ['media'],
  ],
  ['a number of 70 000 digits in media', withLast(`"media":${'1'.repeat(70_000)}`), ['media']],
];
