import type pg from 'pg';
import { binaryArray } from './binary-array.ts';

/** A pool, a client of it, or a transaction that a caller has begun. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
}

export type Statement<Row> = (db: Queryable, ...values: unknown[]) => Promise<Row[]>;

/** The types of the arrays among its parameters, by their place: `$1::uuid[]`. */
function arrayTypesOf(text: string): Map<number, string> {
  const casts = text.matchAll(/\$(\d+)::(\w+)\[\]/g);
  return new Map([...casts].map(([, number, type = '']) => [Number(number) - 1, type]));
}

/** One verb's SQL, prepared once per connection under the verb's name. */
export function statement<Row extends pg.QueryResultRow>(
  name: string,
  text: string,
): Statement<Row> {
  const types = arrayTypesOf(text);
  const encoded = (value: unknown, place: number) => {
    const type = types.get(place);
    return (type !== undefined && Array.isArray(value) && binaryArray(type, value)) || value;
  };
  return async (db, ...values) =>
    (await db.query<Row>({ name, text, values: values.map(encoded) })).rows;
}

/** Turns rows into one array per column, the form in which `unnest` takes a whole batch. */
export function columns<Item>(
  items: readonly Item[],
  ...read: Array<(item: Item) => unknown>
): unknown[][] {
  return read.map((column) => items.map(column));
}
