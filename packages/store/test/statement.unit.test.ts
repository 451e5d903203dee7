import { expect, it, test } from 'vitest';
import type { Queryable } from '../src/database/database.ts';
import {
  binaryArray,
  compileParams,
  namedStatement,
  type Rows,
  statement,
} from '../src/database/statement.ts';

const ID = '019b0000-0000-7000-8000-000000000000';

/** A database that notes what it is sent. */
function listening() {
  const sent: Array<{ name?: string; text: string; values?: unknown[] }> = [];
  const query = async (config: (typeof sent)[number]) => {
    sent.push(config);
    return { rows: [] };
  };
  return { db: { query } as unknown as Queryable, sent };
}

test.each([
  ['a parameter', 'select :id, :n', 'select $2::uuid, $1::int'],
  ['a second use', 'select :n, :id, :n', 'select $1::int, $2::uuid, $1::int'],
  ['a cast after a parameter', 'select :n, :id::text', 'select $1::int, $2::uuid::text'],
  ['a cast of a column', 'select a::int, :n, :id', 'select a::int, $1::int, $2::uuid'],
  ['an assignment', 'f(a := :n, b := :id)', 'f(a := $1::int, b := $2::uuid)'],
  ['a text', "':id', 'it''s :id', :n, :id", "':id', 'it''s :id', $1::int, $2::uuid"],
  ['a quoted name', '":id", :n, :id', '":id", $1::int, $2::uuid'],
  ['a comment', ':n -- :nothing\n :id', '$1::int -- :nothing\n $2::uuid'],
  ['JSON operators', "m -> 'a' ->> ':id' = :id, :n", "m -> 'a' ->> ':id' = $2::uuid, $1::int"],
  ['slices of arrays', 'a[1:2], a[i:j], :n, :id', 'a[1:2], a[i:j], $1::int, $2::uuid'],
])('a text with %s is compiled to places', (_, text, compiled) => {
  expect(compileParams('test', text, { n: 'int', id: 'uuid' })).toBe(compiled);
});

it('refuses a name that is not declared, and a parameter that is not used', () => {
  const params = { id: 'uuid' } as const;
  expect(() => compileParams('find', 'select :id, :idd', params)).toThrow('find: :idd is not');
  expect(() => compileParams('find', 'select :toString, :id', params)).toThrow(':toString');
  expect(() => compileParams('find', 'select 1', params)).toThrow('find: not used: id');
});

it('refuses more than three parameters without names', () => {
  expect(() => statement('find', 'select $1, $2, $3')).not.toThrow();
  expect(() => statement('find', 'select $1, $2, $4')).toThrow('find: more than three');
  expect(() => statement('find', 'select $10')).toThrow('find: more than three');
});

it('sends values in the order of the declared parameters, and arrays in the binary format', async () => {
  const { db, sent } = listening();
  const find = namedStatement('find')(
    { ids: 'uuid[]', limit: 'int', before: 'timestamptz' },
    'select from t where id = any(:ids) and at < :before limit :limit',
  );
  await find(db, { before: null, limit: 2, ids: [ID, null] });
  expect(sent).toMatchObject([
    { name: 'find', text: expect.stringContaining('any($1::uuid[]) and at < $3::timestamptz') },
  ]);
  expect(sent[0]?.values).toEqual([expect.any(Buffer), 2, null]);
});

it('accepts only the declared names and types', async () => {
  const { db } = listening();
  const find = namedStatement('find')({ ids: 'uuid[]', limit: 'int' }, 'select :ids, :limit');
  await find(db, { ids: [ID], limit: 1 });
  // The compiler is the test.
  // @ts-expect-error: a parameter is missing
  await find(db, { ids: [ID] });
  // @ts-expect-error: a name is misspelt
  await find(db, { ids: [ID], limitt: 1 });
  // @ts-expect-error: there is one too many
  await find(db, { ids: [ID], limit: 1, offset: 1 });
  // @ts-expect-error: a type is wrong
  await find(db, { ids: ID, limit: 1 });
  const spread = { ids: [ID], others: [ID] };
  // @ts-expect-error: there is one too many in a spread object
  await find(db, { ...spread, limit: 1 });
});

it('sends a batch as one array for each of its columns', async () => {
  const { db, sent } = listening();
  const ITEMS: Rows<{ a: number; b: string }> = {
    as: ['int', ({ a }) => a],
    bs: ['timestamptz', ({ b }) => b],
  };
  const add = namedStatement('add')(
    { first: 'int', items: ITEMS, last: 'int' },
    'select :last, as, bs, place from :items i, :items j where :first',
  );
  const items = [
    { a: 1, b: 'x' },
    { a: 2, b: 'y' },
  ];
  await add(db, { first: 7, items, last: 8 });
  const rows =
    '(select * from unnest($2::int[],$3::timestamptz[]) with ordinality as r(as,bs,place))';
  expect(sent).toEqual([
    {
      name: 'add',
      text: `select $4::int, as, bs, place from ${rows} i, ${rows} j where $1::int`,
      values: [7, binaryArray('int', [1, 2]), ['x', 'y'], 8],
    },
  ]);
  // The compiler is the test.
  // @ts-expect-error: an item lacks a field
  await add(db, { first: 7, items: [{ a: 1 }], last: 8 });
  // @ts-expect-error: the batch is missing
  expect(() => add(db, { first: 7, last: 8 })).toThrow();
});
