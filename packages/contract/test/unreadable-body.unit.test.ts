import { expect, it } from 'vitest';
import { fingerprintOf, mayHoldCredential, unreadableBody } from '../src/index.ts';

const TOKEN = 'a-telegram-credential';

it('contains the fingerprint in place of the credential', () => {
  const body = {
    channel: 'telegram',
    bot_token: TOKEN,
    text: 5,
    media: { url: `https://files/bot${TOKEN}/f`, user_id: 7 },
  };
  expect(unreadableBody(body)).toEqual({
    channel: 'telegram',
    account_fingerprint: fingerprintOf(TOKEN),
    text: 5,
    media: { url: 'https://files/bot{credential}/f' },
  });
});

it("loses the values of other channels' credential fields too", () => {
  const kept = unreadableBody({
    channel: 'icq',
    bot_token: TOKEN,
    group_id: 12,
    text: `${TOKEN} 12`,
  });
  expect(kept).toEqual({ channel: 'icq', text: '{credential} {credential}' });
});

it('loses values under unknown names, which may be credentials', () => {
  const mistyped = { bot_tokn: TOKEN, text: 'Hello', message_ids: ['1'], media: { url: TOKEN } };
  const safe = {
    bot_tokn: '(21 characters)',
    text: 'Hello',
    message_ids: ['1'],
    media: '(31 characters)',
  };
  expect(unreadableBody({ channel: {}, ...mistyped })).toEqual({ channel: {}, ...safe });
  expect(unreadableBody({ message: mistyped })).toEqual({ message: safe });
  const text = unreadableBody({ message: JSON.stringify({ ...mistyped, bot_id: 5 }) });
  expect(text).toEqual({ message: JSON.stringify(safe) });
  expect(unreadableBody({ ...safe, list: [[TOKEN], true, 'short', 12] })).toEqual({
    ...safe,
    list: [['(21 characters)'], true, 'short', 12],
  });
});

it('keeps a short credential in media and meta, where it may be any number', () => {
  const body = { channel: 'vk', group_id: 1, text: '1 or 2', media: { n: 1 } };
  expect(unreadableBody({ ...body, bot_token: TOKEN })).toMatchObject({
    text: '{credential} or 2',
    media: { n: 1 },
  });
});

it('is parsed if it was sent as a text', () => {
  const kept = unreadableBody(JSON.stringify({ channel: 'telegram', bot_token: TOKEN }));
  expect(kept).toEqual({ channel: 'telegram', account_fingerprint: fingerprintOf(TOKEN) });
});

it('is neither parsed nor kept if it is longer than any message', () => {
  const long = `{"bot_token":"${TOKEN}","list":[${'[],'.repeat(400_000)}0]}`;
  expect(mayHoldCredential(long)).toBe(true);
  expect(unreadableBody(long)).toMatch(/^\(12\d{5} characters\)$/);
  expect(unreadableBody({ channel: 'vk', body: long })).toEqual({
    channel: 'vk',
    body: expect.stringMatching(/^\(12\d{5} characters\)$/),
  });
});

it.each([
  ['an object', { message: { bot_token: TOKEN, text: `see ${TOKEN}` } }],
  ['a text', { message: JSON.stringify({ bot_token: TOKEN, text: `see ${TOKEN}` }) }],
  ['a list', { channel: 'vk', list: [{ group_id: TOKEN }, TOKEN] }],
])('loses credentials in %s inside', (_, body) => {
  expect(mayHoldCredential(body)).toBe(true);
  expect(JSON.stringify(unreadableBody(body))).not.toContain(TOKEN);
});

it('is replaced by a note if it is nested too deeply', () => {
  const text = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
  for (const data of [text, JSON.parse(text)]) {
    expect(mayHoldCredential(data)).toBe(true);
    expect(unreadableBody(data)).toMatch(/^\(/);
  }
});

it('is known to contain no credential', () => {
  expect(mayHoldCredential({ channel: 'vk', text: '{', meta: { a: ['bot_token'] } })).toBe(false);
});

it.each([null, 5, 'text', [TOKEN]])('is replaced by its size if it is %j', (data) => {
  expect(unreadableBody(data)).toMatch(/^\(\d+ characters that are no object\)$/);
});
