import { isUuid } from '@contour/contract';
import type pg from 'pg';
import type { Queryable } from './database.ts';
import { asAppError } from './errors.ts';

/** The way of every statement to Postgres. Every failure leaves it as an AppError, with the server's error as its cause. */
async function ask<Row extends pg.QueryResultRow>(
  db: Queryable,
  config: pg.QueryConfig,
): Promise<Row[]> {
  try {
    return (await (db as unknown as pg.ClientBase).query<Row>(config)).rows;
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

/*
 * Arrays in the binary format of Postgres. In text format every quote of every payload would be escaped here and
 * unescaped there.
 */

/** Writes the elements of one type. */
interface Coder {
  /** The type's number, which is the same in every Postgres. */
  oid: number;
  /** The length in bytes; undefined for a value that only Postgres itself can parse or refuse. */
  sizeOf(value: unknown): number | undefined;
  /** Returns how many bytes it has written. */
  write(buffer: Buffer, at: number, value: unknown): number;
}

const sizeIf = (size: number, isFit: (value: unknown) => boolean) => (value: unknown) =>
  isFit(value) ? size : undefined;

const isBetween = (least: number, most: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

const integerCoder = (oid: number, bytes: number): Coder => {
  const range = 2 ** (8 * bytes - 1);
  return {
    oid,
    sizeOf: sizeIf(bytes, isBetween(-range, range - 1)),
    write: (buffer, at, value) => buffer.writeIntBE(value as number, at, bytes) - at,
  };
};

const textCoder = (oid: number): Coder => ({
  oid,
  sizeOf: (value) => (typeof value === 'string' ? Buffer.byteLength(value) : undefined),
  write: (buffer, at, value) => buffer.write(value as string, at),
});

const CODERS: Record<string, Coder> = {
  uuid: {
    oid: 2950,
    sizeOf: sizeIf(16, (value) => typeof value === 'string' && isUuid(value)),
    write: (buffer, at, value) => buffer.write((value as string).replaceAll('-', ''), at, 'hex'),
  },
  text: textCoder(25),
  json: textCoder(114),
  boolean: {
    oid: 16,
    sizeOf: sizeIf(1, (value) => typeof value === 'boolean'),
    write: (buffer, at, value) => buffer.writeInt8(value === true ? 1 : 0, at) - at,
  },
  smallint: integerCoder(21, 2),
  int: integerCoder(23, 4),
  bigint: {
    oid: 20,
    sizeOf: sizeIf(8, (value) => typeof value === 'string' && /^\d{1,18}$/.test(value)),
    write: (buffer, at, value) => buffer.writeBigInt64BE(BigInt(value as string), at) - at,
  },
};

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL = -1;

function sizeOfAll(values: readonly unknown[], { sizeOf }: Coder): number | undefined {
  let total = HEADER_BYTES;
  for (const value of values) {
    const size = value === null || value === undefined ? 0 : sizeOf(value);
    if (size === undefined) return undefined;
    total += LENGTH_BYTES + size;
  }
  return total;
}

/** The bytes of an array of this type; undefined if the array has to be sent as text. */
export function binaryArray(type: string, values: readonly unknown[]): Buffer | undefined {
  const coder = CODERS[type];
  const size = coder && sizeOfAll(values, coder);
  if (coder === undefined || size === undefined || values.length === 0) return undefined;
  const buffer = Buffer.allocUnsafe(size);
  buffer.writeInt32BE(1, 0); // one dimension
  buffer.writeInt32BE(1, 4); // there may be nulls
  buffer.writeInt32BE(coder.oid, 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16); // counted from 1
  let at = HEADER_BYTES;
  for (const value of values) {
    const isNull = value === null || value === undefined;
    const length = isNull ? 0 : coder.write(buffer, at + LENGTH_BYTES, value);
    buffer.writeInt32BE(isNull ? NULL : length, at);
    at += LENGTH_BYTES + length;
  }
  return buffer;
}

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

/**
 * The columns of a batch: each has its type, and what it takes from an item. Each is sent as one array. In the text
 * `:name n` has the items as rows `n`, with their `place`, from 1.
 */
export type Rows<Item> = Readonly<
  Record<
    string,
    { [Type in Scalar]: readonly [Type, (item: Item) => Scalars[Type] | null] }[Scalar]
  >
>;

type Param = Scalar | `${Scalar}[]` | Rows<never>;
type ValueOf<P> = P extends `${infer Element extends Scalar}[]`
  ? ReadonlyArray<Scalars[Element] | null>
  : P extends Scalar
    ? Scalars[P] | null
    : P extends Rows<infer Item>
      ? readonly Item[]
      : never;

/** The names of a statement's parameters and their types in Postgres. */
export type Params = Readonly<Record<string, Param>>;
type Values<P extends Params> = { readonly [Name in keyof P]: ValueOf<P[Name]> };

export type NamedStatement<P extends Params, Row> = <V extends Values<P>>(
  db: Queryable,
  values: V & Record<Exclude<keyof V, keyof P>, never>,
) => Promise<Row[]>;

/** The SQL of each parameter: its place and type, such as `$1::uuid[]`, or the rows of a batch. */
function sqlOfParams(params: Params): Map<string, string> {
  let place = 0;
  const parameter = (type: string) => {
    place += 1;
    return `$${place}::${type}`;
  };
  const sqlOf = (param: Param) => {
    if (typeof param === 'string') return parameter(param);
    const arrays = Object.values(param).map(([type]) => parameter(`${type}[]`));
    const names = [...Object.keys(param), 'place'];
    return `(select * from unnest(${arrays}) with ordinality as r(${names}))`;
  };
  return new Map(Object.entries(params).map(([name, param]) => [name, sqlOf(param)]));
}

// Texts, quoted names and comments are skipped, and so are casts (`::`) and slices of arrays (`a[i:j]`).
const PIECE = /'(?:[^']|'')*'|"[^"]*"|--[^\n]*|::|(?<!\w):([a-z_]\w*)/g;

/** Replaces each `:name` by the SQL of its parameter. */
export function compileParams(statementName: string, text: string, params: Params): string {
  const sqlOf = sqlOfParams(params);
  const unused = new Set(sqlOf.keys());
  const compiled = text.replace(PIECE, (piece, name: string | undefined) => {
    if (name === undefined) return piece;
    const sql = sqlOf.get(name);
    if (sql === undefined) throw new Error(`${statementName}: :${name} is not declared`);
    unused.delete(name);
    return sql;
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
    const prepared = prepare<Row>(name, compileParams(name, text, params));
    return (db, values) => {
      const arraysOf = ([name, param]: [string, Param]): unknown[] => {
        const value: unknown = values[name];
        if (typeof param === 'string') return [value];
        const items = value as never[];
        return Object.values(param).map(([, read]) => items.map(read as (item: never) => unknown));
      };
      return prepared(db, ...Object.entries<Param>(params).flatMap(arraysOf));
    };
  };

/** Reads page after page. Each begins after the last row of the one before it. */
export async function* pages<Row>(
  read: (last: Row | undefined) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  for (let rows = await read(undefined); rows.length > 0; rows = await read(rows.at(-1))) {
    yield rows;
  }
}

/** SQL for a time as the text that `Date.toISOString` returns. */
export const isoTime = (time: string): string =>
  `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** SQL for a time as the milliseconds since 1970. */
export const epochMs = (time: string): string => `(extract(epoch from ${time}) * 1000)::float8`;
