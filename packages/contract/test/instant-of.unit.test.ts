import { describe, expect, test } from 'vitest';
import { instantOf, timezone } from '../src/instant-of.ts';

/** The instant as Date writes it, or undefined. */
function read(timestamp: string | number, zone = 'UTC'): string | undefined {
  const ms = instantOf(timestamp, zone);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

test.each([
  ['2024-12-10T10:00:15Z', '2024-12-10T10:00:15.000Z'],
  ['2024-12-10 10:00:15Z', '2024-12-10T10:00:15.000Z'],
  ['2024-12-10T10:00Z', '2024-12-10T10:00:00.000Z'],
  ['2024-12-10T10:00:15.123456789Z', '2024-12-10T10:00:15.123Z'],
  ['2024-12-10T10:00:15.5', '2024-12-10T10:00:15.500Z'],
  ['2024-12-10T13:00:15+03:00', '2024-12-10T10:00:15.000Z'],
  ['2024-12-10 13:00:15+0300', '2024-12-10T10:00:15.000Z'],
  ['2024-12-10T06:30:15-0330', '2024-12-10T10:00:15.000Z'],
  ['2024-12-10T10:00:15', '2024-12-10T10:00:15.000Z'],
  ['2024-12-10 10:00:15', '2024-12-10T10:00:15.000Z'],
  ['2024-02-29T00:00:00-00:00', '2024-02-29T00:00:00.000Z'],
  ['0001-01-01T00:00:00+23:59', '0000-12-31T00:01:00.000Z'],
  ['9999-12-31T23:59:59-23:59', '+010000-01-01T23:58:59.000Z'],
  [1_733_824_815, '2024-12-10T10:00:15.000Z'],
  ['1733824815', '2024-12-10T10:00:15.000Z'],
  [1_733_824_815.25, '2024-12-10T10:00:15.250Z'],
  [1_733_824_815_123, '2024-12-10T10:00:15.123Z'],
  ['1733824815123', '2024-12-10T10:00:15.123Z'],
  [0, '1970-01-01T00:00:00.000Z'],
])('%s is %s', (timestamp, instant) => {
  expect(read(timestamp)).toBe(instant);
});

test.each([
  ...['', 'yesterday', '2024-12-10', '10:00:15', '2024-13-01T10:00:15', '2024-00-01T10:00:15Z'],
  ...['2024-12-00T10:00:15Z', '2023-02-29T10:00:15', '2024-02-30 10:00:15+0300'],
  ...['2024-12-10T24:00:00Z', '2024-12-10 25:00:00', '2024-12-10T10:60:15', '2024-12-10T10:00:60Z'],
  ...['2024-12-10T10:00:15+24:00', '2024-12-10T10:00:15+0360', '2024-12-10T10:00:15+03'],
  ...['2024-12-10T10:00:15Z\n', ' 2024-12-10T10:00:15Z', '2024-12-10T10:00:15 Z', '1e9', '0x10'],
  ...['10000-01-01T00:00:00Z', '17338248150', '173382481512', '1733824815000000', '-1'],
  ...['Tue, 10 Dec 2024 10:00:15 GMT', '٢٠٢٤-١٢-١٠T١٠:٠٠:١٥Z', '2024-12-10T10:00:15 Europe/Moscow'],
  ...[-1, 17_338_248_150, 1e16, Number.POSITIVE_INFINITY, Number.NaN],
])('%j is no time, in any zone', (timestamp) => {
  expect(read(timestamp)).toBeUndefined();
  expect(read(timestamp, 'Europe/Berlin')).toBeUndefined();
});

describe('a time without an offset', () => {
  test.each([
    ['Europe/Moscow', '2024-12-10T13:00:15', '2024-12-10T10:00:15.000Z'],
    ['Europe/Moscow', '2012-12-10 13:00:15', '2012-12-10T09:00:15.000Z'],
    ['Asia/Kathmandu', '2024-12-10T15:45:15', '2024-12-10T10:00:15.000Z'],
    ['America/New_York', '2024-07-10T06:00:15', '2024-07-10T10:00:15.000Z'],
    ['America/New_York', '2024-12-10T05:00:15', '2024-12-10T10:00:15.000Z'],
    ['Europe/Moscow', '1800-01-01T02:30:17', '1800-01-01T00:00:00.000Z'],
    ['Europe/Berlin', '0001-01-01T00:53:28', '0001-01-01T00:00:00.000Z'],
  ])('is read in %s: %s is %s', (zone, timestamp, instant) => {
    expect(read(timestamp, zone)).toBe(instant);
  });

  test.each([
    ['the last second before clocks are put forward', '01:59:59', '00:59:59'],
    ['an hour that is skipped counts as if they had not been', '02:30:00', '01:30:00'],
    ['the first second afterwards', '03:00:00', '01:00:00'],
  ])('%s', (_what, shown, utc) => {
    expect(read(`2024-03-31T${shown}`, 'Europe/Berlin')).toBe(`2024-03-31T${utc}.000Z`);
  });

  test.each([
    ['the last second before clocks are put back', '01:59:59', '2024-10-26T23:59:59.000Z'],
    ['of an hour that comes twice the first counts', '02:30:00', '2024-10-27T00:30:00.000Z'],
    ['the first second afterwards', '03:00:00', '2024-10-27T02:00:00.000Z'],
  ])('%s', (_what, shown, instant) => {
    expect(read(`2024-10-27T${shown}`, 'Europe/Berlin')).toBe(instant);
  });

  test('with an offset the zone does not matter', () => {
    expect(read('2024-12-10T10:00:15Z', 'Asia/Tokyo')).toBe('2024-12-10T10:00:15.000Z');
    expect(read(1_733_824_815, 'Asia/Tokyo')).toBe('2024-12-10T10:00:15.000Z');
  });
});

test('DEFAULT_TIMEZONE is an IANA time zone, UTC by default', () => {
  expect(timezone.parse(undefined)).toBe('UTC');
  expect(timezone.parse('Europe/Moscow')).toBe('Europe/Moscow');
  for (const wrong of ['Moscow', '+03:00', 'UTC+3', 'Europe/Moscow ']) {
    expect(timezone.safeParse(wrong).success, wrong).toBe(false);
  }
});
