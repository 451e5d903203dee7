import { expect, it } from 'vitest';
import { fingerprintOf, unreadableBody } from '../src/index.ts';

const TOKEN = 'a-telegram-credential';

it('has the credential nowhere, and its fingerprint in its place', () => {
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
    media: { url: 'https://files/bot{credential}/f', user_id: 7 },
  });
});

it("takes out what stands in another channel's field, too", () => {
  const kept = unreadableBody({
    channel: 'icq',
    bot_token: TOKEN,
    group_id: 12,
    text: `${TOKEN} 12`,
  });
  expect(kept).toEqual({ channel: 'icq', text: '{credential} {credential}' });
});

it('reads a body that was written as a text', () => {
  const kept = unreadableBody(JSON.stringify({ channel: 'telegram', bot_token: TOKEN }));
  expect(kept).toEqual({ channel: 'telegram', account_fingerprint: fingerprintOf(TOKEN) });
});

it.each([null, 5, 'text', [TOKEN]])('tells only the size of %j', (data) => {
  expect(unreadableBody(data)).toMatch(/^\(\d+ characters that are no object\)$/);
});
