import { describe, expect, it } from 'vitest';
import { SEED_FIELDS } from '../../../test/support/messages.ts';
import { checkIncoming, fingerprintOf, type IncomingMessage } from '../src/index.ts';

const SEED = { channel: 'telegram', bot_token: 'a-telegram-credential', ...SEED_FIELDS };

function accepted(change: Record<string, unknown> = {}): IncomingMessage {
  const checked = checkIncoming({ ...SEED, ...change });
  if (!checked.ok) throw new Error(`refused: ${JSON.stringify(checked.faults)}`);
  return checked.message;
}

function faultPaths(change: Record<string, unknown>): string[] {
  const checked = checkIncoming({ ...SEED, ...change });
  return checked.ok ? [] : checked.faults.map((fault) => fault.path);
}

function nested(depth: number): unknown {
  let value: unknown = 'leaf';
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

const manyKeys = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, key) => [`k${key}`, 0]));

/** The shortest JSON of so many keys: five characters each. */
function chains(keys: number): unknown {
  const chain = (length: number): unknown => (length === 0 ? 0 : { '': chain(length - 1) });
  return Array.from({ length: keys / 100 }, () => chain(100));
}

describe('what is accepted', () => {
  it('keeps no credential, only its fingerprint and a mask', () => {
    const message = accepted();
    expect(message.fingerprint).toBe(fingerprintOf(SEED.bot_token));
    expect(JSON.stringify(message)).not.toContain(SEED.bot_token);
  });

  it.each([
    ['telegram', 'bot_token'],
    ['whatsapp', 'profile_id'],
    ['vk', 'group_id'],
    ['avito', 'user_id'],
    ['max', 'bot_id'],
  ])('%s has its account by %s, with null in the other fields', (channel, field) => {
    const absent = {
      bot_token: null,
      profile_id: null,
      group_id: null,
      user_id: null,
      bot_id: null,
    };
    expect(accepted({ ...absent, channel, [field]: 'credential' }).channel).toBe(channel);
  });

  it('reads a numeric credential as its decimal string', () => {
    const numeric = accepted({ channel: 'vk', bot_token: null, group_id: 229_000_111 });
    expect(numeric.fingerprint).toBe(fingerprintOf('229000111'));
  });

  it('accepts a fingerprint in place of the credential, and both if they agree', () => {
    const account_fingerprint = fingerprintOf(SEED.bot_token);
    expect(accepted({ bot_token: null, account_fingerprint }).messageId).toBe(accepted().messageId);
    expect(accepted({ account_fingerprint }).messageId).toBe(accepted().messageId);
  });

  it('counts duplicate message ids once and keeps their order, numbers as strings', () => {
    expect(accepted({ message_ids: ['b', 7, 'a', '7', 'b'] }).messageIds).toEqual(['b', '7', 'a']);
  });

  it('reads message_id alone as a list of one', () => {
    expect(accepted({ message_ids: null, message_id: 42 }).messageIds).toEqual(['42']);
  });

  it('makes one id of the same message ids in any order, and another one per chat', () => {
    const id = accepted().messageId;
    expect(accepted({ message_ids: ['msg_3', 'msg_1', 'msg_2'] }).messageId).toBe(id);
    expect(accepted({ trace_id: 'another' }).messageId).toBe(id);
    expect(accepted({ external_chat_id: '2' }).messageId).not.toBe(id);
  });

  it('removes the credential from the media: from texts, keys and numbers', () => {
    const media = { url: 'https://files/a-telegram-credential/1', 'a-telegram-credential': [1] };
    expect(accepted({ media }).media).toBe(
      '{"url":"https://files/{credential}/1","{credential}":[1]}',
    );
    const vk = { channel: 'vk', bot_token: null, group_id: 12_345_678 };
    expect(accepted({ ...vk, media: { owner: 12_345_678, n: 112_345_678 } }).media).toBe(
      '{"owner":"{credential}","n":112345678}',
    );
  });

  it('finds a credential that JSON writes with escapes', () => {
    const bot_token = 'a"\\\u0001-😀-token';
    const media = { [`<${bot_token}>`]: `see ${bot_token}` };
    expect(accepted({ bot_token, media, meta: media })).toMatchObject({
      media: '{"<{credential}>":"see {credential}"}',
      meta: '{"<{credential}>":"see {credential}"}',
    });
  });

  it('leaves a credential of fewer than 8 characters in media and meta: it is a public id', () => {
    const vk = { channel: 'vk', bot_token: null, group_id: 1_234_567 };
    const free = { owner: 1_234_567, url: 'https://vk.com/club1234567' };
    const text = '{"owner":1234567,"url":"https://vk.com/club1234567"}';
    expect(accepted({ ...vk, media: free, meta: free })).toMatchObject({ media: text, meta: text });
  });

  it('measures the media after the credential was removed', () => {
    const bot_token = 'x'.repeat(256);
    const long = Array.from({ length: 300 }, () => bot_token);
    expect(JSON.stringify(long).length).toBeGreaterThan(65_536);
    expect(accepted({ bot_token, media: long }).media).toBe(
      JSON.stringify(long.map(() => '{credential}')),
    );
    const short = { bot_token: '12345678', media: '12345678'.repeat(8_000) };
    expect(faultPaths(short)).toEqual(['media']);
  });

  it('cuts a name and a user name after 256 whole characters', () => {
    const long = `${'я'.repeat(200)}${'😀'.repeat(100)}`;
    const cut = `${'я'.repeat(200)}${'😀'.repeat(56)}`;
    expect(accepted({ client_name: long, client_username: long })).toMatchObject({
      clientName: cut,
      clientUsername: cut,
    });
    expect(accepted({ client_name: cut }).clientName).toBe(cut);
  });

  it('notes whether the channel vouches for the phone', () => {
    expect(accepted({ phone_verified: true }).phoneVerified).toBe(true);
    for (const phone_verified of [false, null, undefined]) {
      expect(accepted({ phone_verified }).phoneVerified).toBe(false);
    }
  });

  it('has one content hash whatever the key order of the media', () => {
    const hash = accepted({ media: { a: 1, b: { c: 2, d: 3 } } }).contentHash;
    expect(accepted({ media: { b: { d: 3, c: 2 }, a: 1 } }).contentHash).toBe(hash);
    expect(accepted({ media: { a: 1, b: { c: 2, d: 4 } } }).contentHash).not.toBe(hash);
  });

  it('adds the trace id and the time of receipt', () => {
    const receivedAt = new Date('2026-01-02T03:04:05.678Z');
    const checked = checkIncoming({ ...SEED, trace_id: null, timestamp: null }, receivedAt);
    expect(checked).toMatchObject({
      ok: true,
      message: { timestamp: '2026-01-02T03:04:05.678Z', writtenAtMs: receivedAt.getTime() },
    });
    expect(checked.ok && checked.message.traceId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('drops flags of Core that a sender puts into meta', () => {
    expect(accepted({ meta: { a: 1, is_new_client: true } }).meta).toBe('{"a":1}');
  });

  it.each([
    ['an empty text with media', { text: '', media: { kind: 'photo' } }],
    ['no text with media', { text: null, media: ['x'] }],
    ['a negative chat number', { external_chat_id: -100_123 }],
    ['a text of 64 K characters', { text: 'я'.repeat(65_536) }],
    ['an offset', { timestamp: '2024-12-10T13:00:15+03:00' }],
    ['a key named __proto__', { media: JSON.parse('{"__proto__":{"a":1}}') }],
    ['an unknown field', { tenant_id: 'mine', whatever: { a: 1 } }],
    ['an emoji', { text: '👩‍👩‍👧' }],
    ['a chat of 256 characters of two units each', { external_chat_id: '😀'.repeat(256) }],
    ['a user of 256 characters', { external_user_id: '😀'.repeat(256) }],
    ['a phone of 256 characters', { client_phone: '9'.repeat(256) }],
    ['a message id of 256 characters', { message_ids: ['😀'.repeat(256)] }],
    ['as many keys as 64 KiB of media can hold', { media: chains(13_000) }],
    ['20 000 keys', { meta: manyKeys(20_000) }],
  ])('%s is fine', (_what, change) => {
    expect(faultPaths(change)).toEqual([]);
  });
});

describe('what is refused', () => {
  it.each([
    ['no channel', { channel: null }, ['channel']],
    ['an unknown channel', { channel: 'icq' }, ['channel']],
    ['no credential', { bot_token: null }, ['bot_token']],
    ['an empty credential', { bot_token: '' }, ['bot_token']],
    ['white space in the credential', { bot_token: 'a b' }, ['bot_token']],
    ['a credential of 257 characters', { bot_token: 'x'.repeat(257) }, ['bot_token']],
    ['an object for a credential', { bot_token: {} }, ['bot_token']],
    ["another channel's field", { group_id: 1 }, ['group_id']],
    ['a fingerprint in capitals', { account_fingerprint: 'A'.repeat(64) }, ['account_fingerprint']],
    ["another one's fingerprint", { account_fingerprint: 'a'.repeat(64) }, ['account_fingerprint']],
    ['no chat', { external_chat_id: null }, ['external_chat_id']],
    ['an empty chat', { external_chat_id: '' }, ['external_chat_id']],
    ['a chat of 257 characters', { external_chat_id: 'x'.repeat(257) }, ['external_chat_id']],
    ['a fraction for a chat', { external_chat_id: 1.5 }, ['external_chat_id']],
    ['a chat beyond 2^53', { external_chat_id: 2 ** 53 }, ['external_chat_id']],
    ['a user of 257 characters', { external_user_id: 'x'.repeat(257) }, ['external_user_id']],
    ['a phone of 257 characters', { client_phone: '9'.repeat(257) }, ['client_phone']],
    ['a text for phone_verified', { phone_verified: 'true' }, ['phone_verified']],
    ['a message id of 257 characters', { message_ids: ['1', 'x'.repeat(257)] }, ['message_ids.1']],
    ['a long message_id', { message_ids: null, message_id: 'x'.repeat(257) }, ['message_id']],
    ['20 001 keys', { meta: manyKeys(20_001) }, ['meta']],
    ['20 001 keys in media and meta', { media: chains(2_000), meta: manyKeys(18_001) }, ['meta']],
    ['a number for a name', { client_name: 5 }, ['client_name']],
    ['neither text nor media', { text: '', media: null }, ['text']],
    ['a number for a text', { text: 1 }, ['text']],
    ['a text of more than 64 K', { text: 'x'.repeat(65_537) }, ['text']],
    ['U+0000 in the text', { text: 'a\0b' }, ['text']],
    ['a lone surrogate', { client_name: '\ud800' }, ['client_name']],
    ['U+0000 deep in the media', { media: { a: ['x', { b: '\0' }] } }, ['media.a.1.b']],
    ['U+0000 in a key of meta', { meta: { 'a\0': 1 } }, ['meta']],
    ['a time that is no time', { timestamp: 'yesterday' }, ['timestamp']],
    ['a day that does not exist', { timestamp: '2024-02-30T10:00:15Z' }, ['timestamp']],
    ['no message ids', { message_ids: null }, ['message_ids']],
    ['an empty list', { message_ids: [] }, ['message_ids']],
    ['a string for the list', { message_ids: 'msg_1' }, ['message_ids']],
    ['a bad entry in the list', { message_ids: ['a', 1.5] }, ['message_ids.1']],
    ['1001 ids', { message_ids: Array.from({ length: 1001 }, (_, n) => n) }, ['message_ids']],
    ['an empty trace id', { trace_id: '' }, ['trace_id']],
    ['a trace id with a space', { trace_id: 'a b' }, ['trace_id']],
    ['a trace id of 129', { trace_id: 'x'.repeat(129) }, ['trace_id']],
    ['media of more than 64 KiB', { media: { x: 'x'.repeat(65_536) } }, ['media']],
    ['media that is nested too deeply', { media: nested(20_000) }, ['media']],
    ['a list for meta', { meta: [] }, ['meta']],
  ])('%s', (_what, change, paths) => {
    expect(faultPaths(change)).toEqual(paths);
  });

  it.each([null, undefined, 1, 'text', [], [SEED]])('a body that is no object: %j', (body) => {
    expect(checkIncoming(body)).toMatchObject({ ok: false, faults: [{ path: '' }] });
  });

  it('reports all faults at once', () => {
    const change = { text: 1, message_ids: [], bot_token: null, trace_id: '', media: '\0' };
    expect(faultPaths(change).sort()).toEqual([
      'bot_token',
      'media',
      'message_ids',
      'text',
      'trace_id',
    ]);
  });
});
