import { fingerprintOf } from '@contour/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, messageTo } from '../support/messages.ts';
import { type Accepted, type Answer, request, resolve } from '../support/send.ts';
import type { TestTenant } from '../support/tenants.ts';

let contour: Contour;
let tenant: TestTenant;
const accepted: Accepted[] = [];

const isAccepted = (answer: Answer) => {
  expect(answer.text).toContain('"accepted":true');
  expect(answer.status).toBe(200);
  accepted.push({ messageId: answer.json.message_id, answer: answer.text });
};

beforeAll(async () => {
  contour = await startContour({ neo4jUri: null });
  tenant = await contour.addTenant();
});
afterAll(() => contour?.close());

const SURROGATE = '\ud800';
const manyIds = Array.from({ length: 1001 }, (_, index) => `id-${index}`);
const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) });

/** What is wrong, the fields that make it so, and where the answer must point. */
const FAULTS: Array<[name: string, fields: Body, paths: string[]]> = [
  ['no channel', { channel: null }, ['channel']],
  ['an unknown channel', { channel: 'icq' }, ['channel']],
  ['a channel that is an object', { channel: {} }, ['channel']],
  ['no credential', { bot_token: null }, ['bot_token']],
  ['an empty credential', { bot_token: '' }, ['bot_token']],
  ['white space in a credential', { bot_token: 'a b' }, ['bot_token']],
  ['a credential of 257 characters', { bot_token: 'x'.repeat(257) }, ['bot_token']],
  ['a credential that is a list', { bot_token: ['x'] }, ['bot_token']],
  ["another channel's credential beside it", { profile_id: 'x' }, ['profile_id']],
  ['a malformed fingerprint', { account_fingerprint: 'abc' }, ['account_fingerprint']],
  [
    "another credential's fingerprint",
    { account_fingerprint: fingerprintOf('other') },
    ['account_fingerprint'],
  ],
  ['no chat', { external_chat_id: null }, ['external_chat_id']],
  ['an empty chat', { external_chat_id: '' }, ['external_chat_id']],
  ['a chat of 257 characters', { external_chat_id: 'x'.repeat(257) }, ['external_chat_id']],
  ['a chat that is a fraction', { external_chat_id: 1.5 }, ['external_chat_id']],
  ['a chat that is no safe integer', { external_chat_id: 2 ** 60 }, ['external_chat_id']],
  ['a chat that is true', { external_chat_id: true }, ['external_chat_id']],
  ['neither text nor media', { text: null }, ['text']],
  ['an empty text without media', { text: '' }, ['text']],
  ['a text that is a number', { text: 5 }, ['text']],
  ['a text of more than 64 K characters', { text: 'x'.repeat(65_537) }, ['text']],
  ['U+0000 in the text', { text: 'a\0b' }, ['text']],
  ['a lone surrogate in the text', { text: SURROGATE }, ['text']],
  ['a lone surrogate in the name', { client_name: SURROGATE }, ['client_name']],
  ['U+0000 deep in media', { media: { files: [{ name: '\0' }] } }, ['media.files.0.name']],
  ['U+0000 in meta', { meta: { source: '\0' } }, ['meta.source']],
  ['a time without an offset', { timestamp: '2024-12-10T10:00:15' }, ['timestamp']],
  ['a time that is no time', { timestamp: 'yesterday' }, ['timestamp']],
  ['no message ids', { message_ids: null }, ['message_ids']],
  ['an empty list of message ids', { message_ids: [] }, ['message_ids']],
  ['1001 message ids', { message_ids: manyIds }, ['message_ids']],
  ['a message id that is an object', { message_ids: ['a', {}] }, ['message_ids.1']],
  ['message ids that are no list', { message_ids: 'msg_1' }, ['message_ids']],
  ['a trace id with a space', { trace_id: 'a b' }, ['trace_id']],
  ['a trace id of 129 characters', { trace_id: 'x'.repeat(129) }, ['trace_id']],
  ['an empty trace id', { trace_id: '' }, ['trace_id']],
  ['media larger than 64 KiB', { media: { blob: 'x'.repeat(65_536) } }, ['media']],
  ['media that is nested too deep', { media: deep(300) }, ['media']],
  ['meta that is a list', { meta: [] }, ['meta']],
  ['meta that is a text', { meta: 'x' }, ['meta']],
  ['a name that is a number', { client_name: 5 }, ['client_name']],
  ['a phone that is a list', { client_phone: [] }, ['client_phone']],
  ['a user name that is an object', { client_username: {} }, ['client_username']],
  [
    'several faults at once',
    { text: 7, timestamp: 'x', message_ids: [], trace_id: 'a b', profile_id: 'x' },
    ['message_ids', 'profile_id', 'text', 'timestamp', 'trace_id'],
  ],
];

describe('a body that is not valid gets 400 and the path', () => {
  test.each(FAULTS)('%s', async (_name, fields, paths) => {
    const answer = await resolve(contour.url, messageTo(tenant.accounts.telegram, fields));
    expect(answer.text).toContain('"code":"invalid"');
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.json).toMatchObject({
      status: 400,
      code: 'invalid',
      reason: 'invalid',
      accepted: false,
    });
    for (const field of ['type', 'title', 'detail', 'trace_id']) {
      expect(answer.json).toHaveProperty(field);
    }
    const named = new Set(answer.json.errors.map(({ path }: { path: string }) => path));
    expect([...named].sort()).toEqual(paths);
  });

  test.each([
    ['a list', '[]'],
    ['a text', '"x"'],
    ['null', 'null'],
  ])('%s is not an object', async (_name, text) => {
    const answer = await resolve(contour.url, text);
    expect(answer.status).toBe(400);
    expect(answer.json.errors).toHaveLength(1);
  });

  test.each([
    ['half an object', '{"channel":'],
    ['nothing', ''],
    ['a comma too many', '{"text":"x",}'],
  ])('%s is not JSON', async (_name, text) => {
    const answer = await resolve(contour.url, text);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: 'invalid', accepted: false });
    expect(answer.json).not.toHaveProperty('errors');
  });
});

describe('what is on the right side of a limit is accepted', () => {
  const FITS: Array<[name: string, fields: Body]> = [
    ['a text of 64 K characters', { text: 'ж'.repeat(65_536) }],
    ['an empty text with media', { text: '', media: { photo: 1 } }],
    ['no text with media', { text: null, media: [1] }],
    ['1000 message ids', { message_ids: manyIds.slice(0, 1000) }],
    ['message_id alone', { message_ids: null, message_id: 77 }],
    ['ids repeated in the list', { message_ids: ['a', 'a', 1, '1'] }],
    ['a chat that is a negative integer', { external_chat_id: -100123 }],
    ['a time with an offset', { timestamp: '2024-12-10T13:00:15.123+03:00' }],
    ['a fingerprint beside its credential', { account_fingerprint: 'own' }],
    ['unknown fields', { tenant_id: 'not mine', '\u0001': [[]] }],
    ['a phone that is none', { client_phone: 'call me' }],
  ];
  test.each(FITS)('%s', async (_name, fields) => {
    const { telegram } = tenant.accounts;
    const own = fields.account_fingerprint ? { account_fingerprint: telegram.fingerprint } : {};
    const answer = await resolve(contour.url, messageTo(telegram, { ...fields, ...own }));
    isAccepted(answer);
    expect(answer.json.tenant_id).toBe(tenant.id);
  });

  test('a fingerprint in place of the credential', async () => {
    const { telegram } = tenant.accounts;
    const answer = await resolve(
      contour.url,
      messageTo(telegram, { bot_token: null, account_fingerprint: telegram.fingerprint }),
    );
    isAccepted(answer);
  });

  test('a credential that is a number', async () => {
    const { vk } = tenant.accounts;
    const answer = await resolve(contour.url, messageTo(vk, { group_id: Number(vk.credential) }));
    isAccepted(answer);
  });

  test('of two equal keys the last counts', async () => {
    const text = JSON.stringify(messageTo(tenant.accounts.max, { text: 'last' }));
    const answer = await resolve(contour.url, text.replace('{', '{"text":5,'));
    isAccepted(answer);
  });
});

test('a body larger than 256 KiB gets 413', async () => {
  const body = messageTo(tenant.accounts.telegram, { ignored: 'x'.repeat(257 * 1024) });
  const answer = await resolve(contour.url, body);
  expect(answer.status).toBe(413);
  expect(answer.json).toMatchObject({ code: 'too_large', accepted: false });
});

test('a body that is not JSON by its type gets 415', async () => {
  const body = JSON.stringify(messageTo(tenant.accounts.telegram));
  const answer = await resolve(contour.url, body, { 'content-type': 'text/plain' });
  expect(answer.status).toBe(415);
  expect(answer.json).toMatchObject({ code: 'unsupported_media_type', accepted: false });
});

test('a path that is not there gets a 404 problem', async () => {
  const answer = await request('GET', `${contour.url}/nowhere`);
  expect(answer.status).toBe(404);
  expect(answer.json).toMatchObject({ code: 'not_found', accepted: false });
});

test('nothing that was refused is stored or parked', async () => {
  expect(await contour.dlq()).toEqual([]);
  const sent = new Set(accepted.map(({ messageId }) => messageId));
  expect(await contour.check({ accepted, sent })).toEqual([]);
});
