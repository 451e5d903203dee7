import type { Pool, PoolClient } from '../pool.ts';
import { LEGACY_TABLES } from './legacy-columns.ts';

interface ColumnShape {
  type: string;
  notNull: boolean;
  hasDefault: boolean;
}

/** Columns by `table.column`; tables that are not there have none. */
export type Shape = ReadonlyMap<string, ColumnShape>;

export async function readShape(db: Pool | PoolClient): Promise<Shape> {
  const { rows } = await db.query<ColumnShape & { key: string }>(
    `select c.relname || '.' || a.attname as key,
            regexp_replace(format_type(a.atttypid, a.atttypmod), '\\(.*\\)', '') as type,
            a.attnotnull as "notNull",
            a.atthasdef or a.attidentity <> '' as "hasDefault"
       from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.oid = any(array(select to_regclass(name) from unnest($1::text[]) name)::oid[])
        and a.attnum > 0 and not a.attisdropped`,
    [LEGACY_TABLES],
  );
  return new Map(rows.map(({ key, ...shape }) => [key, shape]));
}

/** Whether a table or an index is there, under that name, where our own statements would look for it. */
export async function hasRelation(db: Pool | PoolClient, name: string): Promise<boolean> {
  const { rows } = await db.query('select to_regclass($1) is not null as there', [name]);
  return rows[0]?.there === true;
}
