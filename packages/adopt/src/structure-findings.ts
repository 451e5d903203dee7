import type { Queryable } from '@contour/store/database';
import { run } from '@contour/store/schema';
import {
  findRelations,
  LEGACY_COLUMNS,
  LEGACY_TABLES,
  readShape,
  type Shape,
} from './legacy-shape.ts';

/**
 * Something that stands in the way. `apply`: contour adopt --apply corrects it and keeps the old rows;
 * `decide`: the owner must decide; `cannot`: nothing can be adopted before the owner changes it.
 */
export interface Finding {
  code: string;
  what: string;
  verdict: 'apply' | 'decide' | 'cannot';
  count: number;
  /** At most five. */
  examples: string[];
  /** What --apply will do, or what the owner must do first. */
  advice: string;
}

const found = (code: string, what: string, examples: string[], advice: string): Finding[] =>
  examples.length === 0
    ? []
    : [{ code, what, verdict: 'cannot', count: examples.length, examples, advice }];

function wrongTypes(shape: Shape): string[] {
  return LEGACY_COLUMNS.flatMap(({ table, name, types, added }) => {
    const key = `${table}.${name}`;
    const column = shape.get(key);
    if (column === undefined) return added === undefined ? [`${key} is missing`] : [];
    return types.includes(column.type) ? [] : [`${key} is ${column.type}, not ${types[0]}`];
  });
}

// Our inserts name only the columns of the first migration.
function unfilled(shape: Shape): string[] {
  const known = new Set(LEGACY_COLUMNS.map(({ table, name }) => `${table}.${name}`));
  return [...shape].flatMap(([key, { type, notNull, hasDefault }]) => {
    const isFilled = known.has(key) || !notNull || hasDefault || key.startsWith('channels.');
    return isFilled || (key === 'client_channels.id' && type === 'uuid') ? [] : [key];
  });
}

async function withoutKey(db: Queryable): Promise<string[]> {
  const rows = await run<{ name: string }>(
    db,
    `select name from unnest($1::text[]) name
      where name <> 'client_channels' and not exists (
        select from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attname = 'id'
         where x.indrelid = to_regclass(name) and x.indisunique and x.indisvalid
           and x.indnkeyatts = 1 and x.indkey[0] = a.attnum and x.indpred is null)`,
    [LEGACY_TABLES],
  );
  return rows.map(({ name }) => `${name}.id`);
}

/** What in the shape of the tables prevents an adoption, whatever the rows hold. */
export async function structureFindings(
  db: Queryable,
  ourNames: readonly string[],
): Promise<Finding[]> {
  const there = await findRelations(db, LEGACY_TABLES);
  const missing = LEGACY_TABLES.filter((table) => !there.includes(table));
  if (missing.length > 0) {
    return found('tables_missing', 'missing tables', missing, 'make them first');
  }
  const taken = await findRelations(db, ourNames);
  const shape = await readShape(db);
  return [
    ...found('types', 'columns of another type', wrongTypes(shape), 'change the column first'),
    ...found(
      'names_taken',
      'tables and indexes whose name Contour needs',
      taken,
      'rename them first',
    ),
    ...found('keys_missing', 'ids without a unique index', await withoutKey(db), 'make one first'),
    ...found(
      'columns_without_default',
      'columns that every insert must name',
      unfilled(shape),
      'give each a default, or allow null: the inserts of Contour do not name them',
    ),
  ];
}
