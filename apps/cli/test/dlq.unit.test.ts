import { expect, test } from 'vitest';
import { type FilterOptions, filterOf } from '../src/commands/dlq.ts';
import { contourHere } from './contour-here.ts';

test.for<[string, string]>([
  ['list --reason nope', '--reason must be one of unknown_tenant, '],
  ['list --all --limit 5', '--all and --limit exclude each other\n'],
  ['list --limit 0', '--limit must be a whole number, at least 1\n'],
  ['replay', 'give what to replay: an id, a filter, or --all\n'],
  ['replay x --all', 'an id stands alone, without a filter\n'],
  ['clear --all --yes', '--all needs --before, '],
])('dlq %s ends with 2 and gives the reason', async ([typed, said]) => {
  const { code, stdout, stderr } = await contourHere(['dlq', ...typed.split(' ')]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.slice(0, said.length + 9)).toBe(`contour: ${said}`);
});

test.for<[FilterOptions, string]>([
  [{ fingerprint: 'abc' }, '--fingerprint must be a lower-case hex SHA-256'],
  [{ fingerprint: 'abcdef0' }, 'or at least its first 8 characters'],
  [{ fingerprint: 'ABCDEF01' }, '--fingerprint must be a lower-case hex SHA-256'],
  [{ before: 'yesterday' }, '--before must be an ISO 8601 time with an offset'],
  [{ before: '2024-12-10T10:00:00' }, '--before must be an ISO 8601 time with an offset'],
])('the filter %j is refused', async ([options, said]) => {
  await expect(filterOf(options, {})).rejects.toThrow(said);
});
