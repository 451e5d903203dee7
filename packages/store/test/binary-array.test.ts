import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createDatabase, type Database } from '../../../test/support/fresh-database.ts';
import { binaryArray, namedStatement, statement } from '../src/database/statement.ts';

let database: Database;
beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'));
});
afterAll(() => database?.drop());

const UUIDS = [randomUUID(), null, randomUUID().toUpperCase()];
const TEXTS = [
  '',
  'plain',
  'with "quotes", \\ and {braces}',
  'Привет, 🙂',
  null,
  'NULL',
  '\ud800x',
];
const VALUES: Record<string, unknown[]> = {
  uuid: UUIDS,
  text: TEXTS,
  json: ['{"n":12345678901234567890,  "s":"\\"Привет\\""}', null, '[]'],
  boolean: [true, false, null],
  smallint: [-32768, 0, 32767, null],
  int: [-2147483648, 7, 2147483647, null],
  bigint: ['0', '123456789012345678', null],
};

/** An array as Postgres reads it, as text. */
async function readBack(type: string, param: unknown): Promise<string> {
  const { rows } = await database.pool.query<{ a: string }>(`select $1::${type}[]::text as a`, [
    param,
  ]);
  return rows[0]?.a ?? 'null';
}

test.each(Object.entries(VALUES))(
  '%s: Postgres reads the bytes as it reads the text',
  async (type, values) => {
    const bytes = binaryArray(type, values);
    expect(bytes).toBeInstanceOf(Buffer);
    expect(await readBack(type, bytes)).toBe(await readBack(type, values));
  },
);

test.each([
  ['uuid', ['not one']],
  ['uuid', ['{12345678-1234-1234-1234-123456789012}']],
  ['int', [2 ** 31]],
  ['int', [1.5]],
  ['int', ['7']],
  ['smallint', [2 ** 15]],
  ['bigint', ['-1']],
  ['bigint', [7]],
  ['boolean', ['true']],
  ['text', [7]],
  ['timestamptz', ['2026-01-10T10:00:15Z']],
  ['text', []],
])('%s of %j is left to Postgres to read, or to refuse', (type, values) => {
  expect(binaryArray(type, values)).toBeUndefined();
});

test('a statement sends every array, in either format, to its own parameter', async () => {
  const echo = namedStatement<{
    texts: string[];
    ids: string[];
    times: Date[];
    none: number[];
    one: string;
  }>('echo_arrays')(
    { texts: 'text[]', ids: 'uuid[]', times: 'timestamptz[]', none: 'int[]', one: 'text' },
    'select :texts as texts, :ids as ids, :times as times, :none as none, :one as one',
  );
  const time = '2026-01-10T10:00:15.123Z';
  const [row] = await echo(database.pool, {
    texts: TEXTS.slice(0, 6),
    ids: UUIDS,
    times: [time],
    none: [],
    one: 'one',
  });
  expect(row).toEqual({
    texts: TEXTS.slice(0, 6),
    ids: UUIDS.map((id) => id?.toLowerCase() ?? null),
    times: [new Date(time)],
    none: [],
    one: 'one',
  });
});

test('Postgres refuses U+0000 in a binary array as it does in text', async () => {
  const echo = statement('echo_text', 'select $1::text[] as texts');
  await expect(echo(database.pool, ['with a \0 in it'])).rejects.toMatchObject({
    cause: { code: '22021' },
  });
});
