import { expect, it } from 'vitest';
import { linkByPhone, matchingPhone } from '../src/index.ts';

const PHONE = '+79991234567';
const MESSAGE = {
  channel: 'telegram' as const,
  clientPhone: '8 999 123-45-67',
  phoneVerified: false,
  externalChatId: 'chat',
  externalUserId: null,
};
const VERIFIED = { linkByPhone: 'verified', phoneRegion: 'RU' } as const;

it.each([true, false])('any phone counts with %j', (setting) => {
  const settings = { linkByPhone: setting, phoneRegion: 'RU' } as const;
  expect(matchingPhone(MESSAGE, settings)).toBe(PHONE);
});

it('with verified, a phone counts only if the channel vouches for it', () => {
  expect(matchingPhone(MESSAGE, VERIFIED)).toBeNull();
  expect(matchingPhone({ ...MESSAGE, phoneVerified: true }, VERIFIED)).toBe(PHONE);
});

it.each([
  '79991234567',
  '+79991234567',
  '79991234567@c.us',
  '79991234567@s.whatsapp.net',
  '79991234567:12@s.whatsapp.net',
])('a WhatsApp client whose id is %s has that phone', (id) => {
  const whatsapp = { ...MESSAGE, channel: 'whatsapp' as const };
  expect(matchingPhone({ ...whatsapp, externalChatId: id }, VERIFIED)).toBe(PHONE);
  expect(matchingPhone({ ...whatsapp, externalUserId: id }, VERIFIED)).toBe(PHONE);
  expect(matchingPhone({ ...MESSAGE, externalChatId: id }, VERIFIED)).toBeNull();
});

it.each(['79991234568', '120363025246125486@g.us', '79991234567@lid', 'x79991234567'])(
  'a WhatsApp client whose id is %s does not have that phone',
  (id) => {
    const message = { ...MESSAGE, channel: 'whatsapp' as const, externalChatId: id };
    expect(matchingPhone(message, VERIFIED)).toBeNull();
  },
);

it('reads LINK_BY_PHONE', () => {
  const read = (text?: string) => linkByPhone.parse(text);
  expect(['true', '1', 'verified', 'false', '0', undefined].map(read)).toEqual([
    ...[true, true, 'verified', false, false, true],
  ]);
  expect(linkByPhone.safeParse('perhaps').error?.issues[0]?.message).toBe(
    'must be true, verified or false',
  );
});
