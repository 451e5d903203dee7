import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CHANNELS, checkIncoming, fingerprintOf as fingerprintOfContract } from '@contour/contract';
import { describe, expect, test } from 'vitest';
import { type Channel, fingerprintOf, type Message, ProducerError, shardOf } from '../src/index.ts';
import { CREDENTIAL_FIELDS, sealMessage } from '../src/message.ts';

const TOKEN = 'fake:"token"\\ü';
const message = (over: object = {}): Message => ({
  channel: 'telegram',
  bot_token: TOKEN,
  external_chat_id: '1',
  text: 'hello',
  timestamp: '2024-12-10T10:00:15Z',
  message_ids: ['m1'],
  trace_id: 'trace_1',
  ...over,
});

const bodyOf = (sent: Message) => JSON.parse(sealMessage(sent).json);

test('channels and fingerprints are those of the contract', () => {
  const fields = Object.entries(CHANNELS).map(([code, channel]) => [code, channel.credentialField]);
  expect(CREDENTIAL_FIELDS).toEqual(Object.fromEntries(fields));
  for (const credential of ['a', TOKEN, '-100123', '😀']) {
    expect(fingerprintOf(credential)).toBe(fingerprintOfContract(credential));
  }
  expect(fingerprintOf(-100123)).toBe(fingerprintOfContract('-100123'));
  expect(fingerprintOf('a')).toBe(createHash('sha256').update('a').digest('hex'));
});

test('a chat has one shard, whether its id is a string or a number', () => {
  expect(shardOf('telegram', '123456789', 2 ** 32)).toBe(2_221_521_569);
  expect(shardOf('vk', -100, 4)).toBe(shardOf('vk', '-100', 4));
  const shards = new Set(Array.from({ length: 100 }, (_, chat) => shardOf('max', chat, 4)));
  expect([...shards].sort()).toEqual([0, 1, 2, 3]);
});

test.each(Object.entries(CREDENTIAL_FIELDS))(
  'the credential of %s is not sent',
  (channel, field) => {
    const own = { channel, bot_token: null, external_chat_id: 7 };
    for (const credential of [TOKEN, 987654321]) {
      const sealed = sealMessage(message({ ...own, [field]: credential }));
      const body = JSON.parse(sealed.json);
      expect(body.account_fingerprint).toBe(fingerprintOf(credential));
      expect(body).not.toHaveProperty(field);
      expect(sealed.json).not.toContain(String(credential));
    }
  },
);

test('a credential inside media and meta is not sent either, and the workers read the message as over HTTP', () => {
  const media = {
    url: `https://files.example/${TOKEN}/a.jpg`,
    [TOKEN]: [1, TOKEN, null, true],
    toJSON: undefined,
    at: new Date(0),
  };
  const sent = message({ media, meta: { token: TOKEN, size: 3 } });
  const body = bodyOf(sent);
  expect(body.media).toEqual({
    url: 'https://files.example/{credential}/a.jpg',
    '{credential}': [1, '{credential}', null, true],
    at: '1970-01-01T00:00:00.000Z',
  });
  expect(body.meta).toEqual({ token: '{credential}', size: 3 });

  const receivedAt = new Date();
  const overHttp = checkIncoming(JSON.parse(JSON.stringify(sent)), receivedAt);
  const direct = checkIncoming(body, receivedAt);
  if (!overHttp.ok || !direct.ok) throw new Error('both are valid');
  expect(direct.message).toEqual({ ...overHttp.message, mask: null });
});

test('only the fields of the contract are sent', () => {
  expect(bodyOf(message({ tenant_id: 't', update: { token: TOKEN } }))).toEqual({
    channel: 'telegram',
    account_fingerprint: fingerprintOf(TOKEN),
    external_chat_id: '1',
    text: 'hello',
    timestamp: '2024-12-10T10:00:15Z',
    message_ids: ['m1'],
    trace_id: 'trace_1',
  });
});

test('a fingerprint is enough, and may be sent with its own credential', () => {
  const account_fingerprint = fingerprintOf(TOKEN);
  expect(bodyOf(message({ bot_token: null, account_fingerprint }))).toMatchObject({
    account_fingerprint,
  });
  expect(bodyOf(message({ account_fingerprint }))).toMatchObject({ account_fingerprint });
});

function refusalOf(sent: unknown): unknown {
  try {
    return sealMessage(sent as Message);
  } catch (error) {
    return error;
  }
}

const circular: unknown[] = [];
circular.push(circular);

test.each([
  ['no message', undefined],
  ['no channel', message({ channel: undefined })],
  ['an unknown channel', message({ channel: 'toString' })],
  ['no chat', message({ external_chat_id: null })],
  ['an empty chat', message({ external_chat_id: '' })],
  ['a chat that is an object', message({ external_chat_id: {} })],
  ['neither credential nor fingerprint', message({ bot_token: null })],
  ['a credential with white space', message({ bot_token: `${TOKEN}\n` })],
  ['a credential that is an object', message({ bot_token: { token: TOKEN } })],
  ['a credential in place of the fingerprint', message({ account_fingerprint: TOKEN })],
  ["another's fingerprint", message({ account_fingerprint: fingerprintOf('other') })],
  ["another channel's credential", message({ profile_id: TOKEN })],
  ['a value that is not JSON', message({ media: circular })],
])('%s is refused with an error that does not contain the credential', (_, sent) => {
  const error = refusalOf(sent);
  expect(error).toBeInstanceOf(ProducerError);
  expect(error).toMatchObject({ code: 'invalid', name: 'ProducerError' });
  expect((error as Error).message).not.toContain(TOKEN);
});

test('other fields are left to the workers', () => {
  const odd = { text: 5, message_ids: 'no list', timestamp: 'yesterday', client_phone: [] };
  expect(bodyOf(message(odd))).toMatchObject(odd);
});

describe('the test vectors of both producers', () => {
  const vectors = JSON.parse(
    readFileSync(new URL('../../../clients/python/tests/vectors.json', import.meta.url), 'utf8'),
  ) as {
    fingerprints: { credential: string | number; fingerprint: string }[];
    shards: {
      channel: Channel;
      external_chat_id: string | number;
      shards: number;
      shard: number;
    }[];
    bodies: { message: Message; body: unknown }[];
    refused: { path: string; message: unknown }[];
  };

  test.each(vectors.fingerprints)('$credential has its fingerprint', (vector) => {
    expect(fingerprintOf(vector.credential)).toBe(vector.fingerprint);
  });

  test.each(vectors.shards)(
    '$channel:$external_chat_id is in shard $shard of $shards',
    (vector) => {
      const { channel, external_chat_id: chat, shards } = vector;
      expect(shardOf(channel, chat, shards)).toBe(vector.shard);
    },
  );

  test.each(vectors.bodies)('a message of $message.channel is sent as its body', (vector) => {
    expect(bodyOf(vector.message)).toEqual(vector.body);
  });

  test.each(vectors.refused)('the refusal of a wrong $path names it', ({ path, message: sent }) => {
    const error = refusalOf(sent);
    expect(error).toMatchObject({ code: 'invalid' });
    expect((error as Error).message).toMatch(new RegExp(`^${path} `));
  });
});
