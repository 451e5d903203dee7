import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Body } from '../../support/messages.ts';
import { anyJson, anyText, type Json, quoted } from './json.ts';

/** The optional fields of a message, each as its JSON. */
export type Fields = Record<string, Json>;

const safeInteger = fc.maxSafeInteger().map(String);
const text = (maxLength?: number) => anyText(maxLength).map(quoted);
const id = fc.oneof(text(), safeInteger);

const twoDigits = (min: number, max: number) =>
  fc.integer({ min, max }).map((n) => String(n).padStart(2, '0'));

const isoTime = fc
  .tuple(
    fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
    fc.constantFrom('T', ' '),
    fc.stringMatching(/^(\.\d{1,12})?$/),
    fc.oneof(
      fc.constantFrom('Z', ''),
      fc
        .tuple(
          fc.constantFrom('+', '-'),
          twoDigits(0, 23),
          fc.constantFrom(':', ''),
          twoDigits(0, 59),
        )
        .map((parts) => parts.join('')),
    ),
  )
  .map(([date, separator, fraction, offset]) => {
    const [day, time] = date.toISOString().slice(0, 19).split('T');
    return quoted(`${day}${separator}${time}${fraction}${offset}`);
  });

const epoch = fc
  .oneof(
    fc.integer({ min: 0, max: 9_999_999_999 }),
    fc.integer({ min: 1_000_000_000_000, max: 9_999_999_999_999 }),
  )
  .map(String);

const timestamp = fc.oneof(isoTime, epoch, epoch.map(quoted));

const visibleAscii = fc.stringMatching(/^[!-~]{1,128}$/).map(quoted);

const orNull = (value: fc.Arbitrary<Json>) =>
  fc.oneof({ weight: 9, arbitrary: value }, fc.constant('null'));

/** Any valid message without account and ids: `identityOf` makes those. */
export const anyMessage = (keys: { equalKeys: boolean }): fc.Arbitrary<Fields> => {
  const json = anyJson({ ...keys, withToken: true });
  const object = json.filter((value) => typeof value === 'object' && 'members' in value);
  const withText = { text: text(200).filter((one) => one !== '""') };
  const withMedia = {
    text: fc.oneof(text(200), fc.constant('null')),
    media: json.filter((value) => value !== 'null'),
  };
  const others = {
    external_user_id: orNull(id),
    client_name: orNull(text()),
    client_phone: orNull(
      fc.oneof(text(), fc.stringMatching(/^\+?[78]?[\d ()-]{0,14}$/).map(quoted)),
    ),
    phone_verified: orNull(fc.constantFrom('true', 'false')),
    client_username: orNull(text()),
    timestamp: orNull(timestamp),
    trace_id: orNull(visibleAscii),
    meta: orNull(object),
    whatever: anyJson(keys),
  };
  const content = fc.oneof(fc.record(withText), fc.record(withMedia));
  return fc
    .tuple(content, fc.record(others, { requiredKeys: [] }))
    .map(([own, other]) => ({ ...other, ...own }) as Fields);
};

/** A unique account, chat and ids. */
export function identityOf(account: Body, chat = '', ids: readonly string[] = []): Fields {
  const { channel, bot_token: token } = account;
  return {
    channel: quoted(String(channel)),
    bot_token: quoted(String(token)),
    external_chat_id: quoted(`${randomUUID()}${chat}`),
    message_ids: { list: [randomUUID(), ...ids].map(quoted) },
  };
}

export const asJson = (fields: Fields): Json => ({ members: Object.entries(fields) });
