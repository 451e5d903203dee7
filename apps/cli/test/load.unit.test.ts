import { expect, test } from 'vitest';
import { type LoadOptions, readLoadOptions } from '../src/commands/load.ts';
import { contourHere } from './contour-here.ts';

test.for<[string, string]>([
  ['--rate 1 --count 1', 'missing: --url <url>\n'],
  [
    '--url http://example.com --rate 1 --count 1',
    'this writes real messages, and --url is another',
  ],
  ['--url http://127.0.0.1:1 --rate 1 --count 1', 'no credential was given'],
])('load %s ends with 2 and gives the reason', async ([typed, said]) => {
  const { code, stdout, stderr } = await contourHere(['load', ...typed.split(' ')]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.slice(0, said.length + 9)).toBe(`contour: ${said}`);
});

const FINE: LoadOptions = {
  url: 'http://127.0.0.1:8772/',
  rate: '0.5',
  count: '1',
  chats: '1',
  channel: 'max',
  newShare: '0',
};

test.for<[Partial<LoadOptions>, string]>([
  [{ url: 'ftp://127.0.0.1' }, '--url must be a URL that begins with http:// or https://'],
  [{ url: 'http://127.0.0.1.example.com' }, 'this writes real messages'],
  [{ rate: '0' }, '--rate must be a number, '],
  [{ rate: 'fast' }, '--rate must be a number, '],
  [{ count: '1.5' }, '--count must be a whole number, '],
  [{ chats: '0' }, '--chats must be a whole number, '],
  [{ channel: 'sms' }, '--channel must be one of telegram, '],
  [{ newShare: '2' }, '--new-share must be a number, 0 to 1'],
])('the options %j are refused', ([options, said]) => {
  expect(() => readLoadOptions({ ...FINE, ...options })).toThrow(said);
});

test('a password in the address is refused, and not repeated', () => {
  const url = 'http://someone:secret@127.0.0.1';
  expect(() => readLoadOptions({ ...FINE, url })).toThrow(/^(?!.*secret).*must not hold/);
});

test('another machine needs --yes-really', () => {
  const url = 'https://contour.example.com/chat';
  const order = readLoadOptions({ ...FINE, url, yesReally: true });
  expect(order.url.href).toBe('https://contour.example.com/chat/resolve');
  expect(readLoadOptions(FINE).url.href).toBe('http://127.0.0.1:8772/resolve');
});
