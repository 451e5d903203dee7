import { expect, it } from 'vitest';
import { parseExactJson, writeExactJson } from '../src/index.ts';

it.each([
  '{"a":12345678901234567890}',
  '[1.50,1e400,-0,0.1,123e-7]',
  '{"text":"1.50 and 12345678901234567890 stay text"}',
  '{"quote":"\\"1.50\\"","slash":"\\\\"}',
  '"1.50"',
  'null',
])('writes %s unchanged', (text) => {
  expect(writeExactJson(parseExactJson(text))).toBe(text);
});

it('does not wrap ordinary numbers', () => {
  expect(parseExactJson('{"a":1.5,"b":[12,-3],"t":"10:00:15.123"}')).toEqual({
    a: 1.5,
    b: [12, -3],
    t: '10:00:15.123',
  });
});

it('does not unwrap a forged number', () => {
  const forged = { '\u{f8ff}number': '1,"injected":true' };
  expect(JSON.parse(writeExactJson(forged))).toEqual(forged);
});
