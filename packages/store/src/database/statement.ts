import type pg from 'pg';
import { binaryArray } from './binary-array.ts';
import type { Queryable } from './database.ts';
import { asAppError } from './errors.ts';

interface Behind {
  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
}

/** The way of every statement to Postgres. Every failure leaves it as an AppError, with the server's error as its cause. */
async function ask<Row extends pg.QueryResultRow>(
  db: Queryable,
  config: pg.QueryConfig,
): Promise<Row[]> {
  try {
    return (await (db as unknown as Behind).query<Row>(config)).rows;
  } catch (error) {
    throw asAppError(error);
  }
}

/** Runs SQL that is not prepared. Without values it may be several statements. */
export const run = <Row extends pg.QueryResultRow>(
  db: Queryable,
  text: string,
  values?: unknown[],
): Promise<Row[]> => ask(db, values === undefined ? { text } : { text, values });

export type Statement<Row> = (db: Queryable, ...values: unknown[]) => Promise<Row[]>;

/** The types of the array parameters, by their position: `$1::uuid[]`. */
function arrayTypesOf(text: string): Map<number, string> {
  const casts = text.matchAll(/\$(\d+)::(\w+)\[\]/g);
  return new Map([...casts].map(([, number, type = '']) => [Number(number) - 1, type]));
}

/** Each connection prepares the statement once under its name. */
function prepare<Row extends pg.QueryResultRow>(name: string, text: string): Statement<Row> {
  const types = arrayTypesOf(text);
  const encoded = (value: unknown, place: number) => {
    const type = types.get(place);
    return (type !== undefined && Array.isArray(value) && binaryArray(type, value)) || value;
  };
  return (db, ...values) => ask(db, { name, text, values: values.map(encoded) });
}

/** A statement of up to three parameters, `$1` to `$3`. */
export function statement<Row extends pg.QueryResultRow>(
  name: string,
  text: string,
): Statement<Row> {
  if (/\$(?:[4-9]|\d\d)/.test(text)) throw new Error(`${name}: more than three need names`);
  return prepare(name, text);
}

/** What a parameter of each type may hold. Any parameter and any element of an array may be null. */
interface Scalars {
  uuid: string;
  text: string;
  boolean: boolean;
  smallint: number;
  int: number;
  bigint: string | number;
  float8: number;
  timestamptz: string | Date;
  tid: string;
}

type Scalar = keyof Scalars;
type ValueOf<Type> = Type extends `${infer Element extends Scalar}[]`
  ? ReadonlyArray<Scalars[Element] | null>
  : Type extends Scalar
    ? Scalars[Type] | null
    : never;

/** The names of a statement's parameters and their types in Postgres. */
export type Params = Readonly<Record<string, Scalar | `${Scalar}[]`>>;
export type Values<P extends Params> = { readonly [Name in keyof P]: ValueOf<P[Name]> };

export type NamedStatement<P extends Params, Row> = <V extends Values<P>>(
  db: Queryable,
  values: V & Record<Exclude<keyof V, keyof P>, never>,
) => Promise<Row[]>;

// Texts, quoted names and comments are skipped, and so are casts (`::`) and slices of arrays (`a[i:j]`).
const PIECE = /'(?:[^']|'')*'|"[^"]*"|--[^\n]*|::|(?<!\w):([a-z_]\w*)/g;

/** Replaces each `:name` by its place and type, such as `$1::uuid[]`. */
export function compileParams(statementName: string, text: string, params: Params): string {
  const names = Object.keys(params);
  const unused = new Set(names);
  const compiled = text.replace(PIECE, (piece, name: string | undefined) => {
    if (name === undefined) return piece;
    const type = Object.hasOwn(params, name) ? params[name] : undefined;
    if (type === undefined) throw new Error(`${statementName}: :${name} is not declared`);
    unused.delete(name);
    return `$${names.indexOf(name) + 1}::${type}`;
  });
  if (unused.size > 0) throw new Error(`${statementName}: not used: ${[...unused].join(', ')}`);
  return compiled;
}

/**
 * A statement whose parameters are written as `:name` in its text and given by name. A name that is missing, misspelt or
 * too many is a type error at the call, and an error at load if it is in the text.
 */
export const namedStatement =
  <Row extends pg.QueryResultRow>(name: string) =>
  <const P extends Params>(params: P, text: string): NamedStatement<P, Row> => {
    const names = Object.keys(params);
    const prepared = prepare<Row>(name, compileParams(name, text, params));
    return (db, values) =>
      prepared(db, ...names.map((one) => (values as Readonly<Record<string, unknown>>)[one]));
  };

/** Turns items into one array per parameter, the form in which `unnest` takes a whole batch. */
export function columns<Item, Readers extends Record<string, (item: Item) => unknown>>(
  items: readonly Item[],
  readers: Readers,
): { [Name in keyof Readers]: Array<ReturnType<Readers[Name]>> } {
  const read = Object.entries(readers).map(([name, reader]) => [name, items.map(reader)]);
  return Object.fromEntries(read) as never;
}
