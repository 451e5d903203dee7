import { expect, it } from 'vitest';
import { normalisePhone } from '../src/index.ts';

it.each([
  ['+79991234567', '+79991234567'],
  ['8 (999) 123-45-67', '+79991234567'],
  ['9991234567', '+79991234567'],
  ['+44 20 7946 0958', '+442079460958'],
  ['123', null],
  ['not a number', null],
  ['', null],
  ['+7 999 123-45-67 ext. 5', null],
])('%s becomes %s', (raw, e164) => {
  expect(normalisePhone(raw, 'RU')).toBe(e164);
});

it('reads a number without a country code in the given region', () => {
  expect(normalisePhone('020 7946 0958', 'GB')).toBe('+442079460958');
});
