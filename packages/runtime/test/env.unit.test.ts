import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  EnvError,
  flag,
  keyList,
  listOf,
  nonNegativeInt,
  oneOf,
  port,
  positiveInt,
  readEnv,
  url,
} from '../src/env.ts';

function faultsOf(schema: z.ZodObject, source: Record<string, string | undefined>): string[] {
  try {
    readEnv(schema, source);
  } catch (error) {
    expect(error).toBeInstanceOf(EnvError);
    return (error as Error).message.split('\n');
  }
  throw new Error('nothing is wrong with it');
}

describe('readEnv', () => {
  const schema = z.object({
    DATABASE_URL: url(['postgres:', 'postgresql:']),
    PORT: port().default(8772),
    CORE_URL: url(['http:', 'https:']).optional(),
  });

  test('gives values and defaults, frozen, and nothing that the schema does not name', () => {
    const env = readEnv(schema, { DATABASE_URL: 'postgres://u:p@h/db', HOME: '/root' });
    expect(env).toEqual({ DATABASE_URL: 'postgres://u:p@h/db', PORT: 8772 });
    expect(Object.isFrozen(env)).toBe(true);
  });

  test('an empty variable counts as absent', () => {
    const source = { DATABASE_URL: 'postgres://h/db', PORT: '', CORE_URL: '' };
    expect(readEnv(schema, source)).toEqual({ DATABASE_URL: 'postgres://h/db', PORT: 8772 });
    expect(faultsOf(schema, { DATABASE_URL: '' })).toEqual(['DATABASE_URL  is required']);
  });

  test('names all faults at once, one line each, without the values', () => {
    const source = { PORT: 'hidden-1', CORE_URL: 'ftp://hidden-2' };
    expect(faultsOf(schema, source)).toEqual([
      'DATABASE_URL  is required',
      'PORT          must be a whole number from 0 to 65535',
      'CORE_URL      must be a URL that begins with http:// or https://',
    ]);
  });

  test('a fault between variables has the name that the schema gives it', () => {
    const related = z
      .object({ A_MS: positiveInt(5), B_MS: positiveInt(1) })
      .refine((env) => env.A_MS < env.B_MS, { path: ['A_MS'], message: 'must be less than B_MS' });
    expect(faultsOf(related, { A_MS: '9' })).toEqual(['A_MS  must be less than B_MS']);
  });
});

describe('fields', () => {
  const read = (field: z.ZodType, value?: string) =>
    readEnv(z.object({ X: field }), { X: value }).X;
  const faults = (field: z.ZodType, value: string) =>
    faultsOf(z.object({ X: field }), { X: value });

  test.each([
    [positiveInt(7), undefined, 7],
    [positiveInt(7), '12', 12],
    [nonNegativeInt(7), '0', 0],
    [port(), '65535', 65535],
    [flag(true), undefined, true],
    [flag(true), 'false', false],
    [flag(true), '0', false],
    [flag(false), 'true', true],
    [flag(false), '1', true],
    [oneOf(['info', 'debug'], 'info'), undefined, 'info'],
    [oneOf(['info', 'debug'], 'info'), 'debug', 'debug'],
    [listOf(['resolve', 'deliver']), undefined, ['resolve', 'deliver']],
    [listOf(['resolve', 'deliver']), ' deliver , deliver', ['deliver']],
    [url(['redis:', 'rediss:']), 'redis://:p@h:6379/0', 'redis://:p@h:6379/0'],
    [keyList(), undefined, []],
    [
      keyList(),
      'ops:a:b, ci:c',
      [
        { name: 'ops', key: 'a:b' },
        { name: 'ci', key: 'c' },
      ],
    ],
  ])('%# reads what it is given', (field, value, expected) => {
    expect(read(field, value)).toEqual(expected);
  });

  test.each([
    [positiveInt(7), '0', 'must be a whole number from 1 to 2147483647'],
    [positiveInt(7), '1e3', 'must be a whole number from 1 to 2147483647'],
    [nonNegativeInt(7), '-1', 'must be a whole number from 0 to 2147483647'],
    [port(), '65536', 'must be a whole number from 0 to 65535'],
    [flag(true), 'yes', 'must be true or false'],
    [oneOf(['info', 'debug'], 'info'), 'loud', 'must be one of info, debug'],
    [listOf(['resolve', 'deliver']), 'resolve,fly', 'must be a list of resolve, deliver'],
    [listOf(['resolve', 'deliver']), ',', 'must be a list of resolve, deliver'],
    [url(['redis:']), 'redis:6379', 'must be a URL that begins with redis://'],
    [url(['http:']), 'http://', 'must be a URL that begins with http://'],
  ])('%# refuses what does not fit', (field, value, message) => {
    expect(faults(field, value)).toEqual([`X  ${message}`]);
  });

  test('a key list names faulty entries by their place, without the key', () => {
    expect(faults(keyList(), 'ops:s3cret,s3cret,ops:other,:s3cret,ci:')).toEqual([
      'X  entry 2 is not name:key',
      'X  entry 3 has the name of entry 1',
      'X  entry 4 is not name:key',
      'X  entry 5 is not name:key',
    ]);
  });
});
