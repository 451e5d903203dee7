import { expect, it } from 'vitest';
import { parseExactJson, writeExactJson } from '../src/index.ts';

it.each([
  '{"a":12345678901234567890}',
  '[1.50,1e400,-0,0.1,123e-7]',
  '{"text":"1.50 and 12345678901234567890 stay text"}',
  '{"quote":"\\"1.50\\"","slash":"\\\\"}',
  '"1.50"',
  'null',
])('writes %s as it was read', (text) => {
  expect(writeExactJson(parseExactJson(text))).toBe(text);
});

it('leaves ordinary numbers numbers', () => {
  expect(parseExactJson('{"a":1.5,"b":[12,-3],"t":"10:00:15.123"}')).toEqual({
    a: 1.5,
    b: [12, -3],
    t: '10:00:15.123',
  });
});

it('cannot be made to write anything but a number where it unwraps one', () => {
  const forged = { '\u{f8ff}number': '1,"injected":true' };
  expect(JSON.parse(writeExactJson(forged))).toEqual(forged);
});
