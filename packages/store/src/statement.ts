import type pg from 'pg';

/** A pool, a client of it, or a transaction that a caller has begun. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
}

export type Statement<Row> = (db: Queryable, ...values: unknown[]) => Promise<Row[]>;

/** One verb's SQL, prepared once per connection under the verb's name. */
export function statement<Row extends pg.QueryResultRow>(
  name: string,
  text: string,
): Statement<Row> {
  return async (db, ...values) => (await db.query<Row>({ name, text, values })).rows;
}

/** Turns rows into one array per column, the form in which `unnest` takes a whole batch. */
export function columns<Item>(
  items: readonly Item[],
  ...read: Array<(item: Item) => unknown>
): unknown[][] {
  return read.map((column) => items.map(column));
}
