import type { Queryable } from '@contour/store/database';
import { run } from '@contour/store/schema';

const UUID = ['uuid'];
// pg returns smallint and integer as numbers, and bigint as text.
const SMALL = ['smallint', 'integer'];
const INTEGER = ['integer', 'smallint'];
const TEXT = ['text', 'character varying'];
const TIME = ['timestamp with time zone', 'timestamp without time zone'];

interface Rest {
  /** What follows the type where the column is added; undefined where only the owner can add it. */
  added?: string;
  /** The default for inserts that do not name the column. */
  fallback?: string;
}

/** `types` are the accepted answers of format_type(); the migrations make the first one. */
type Column = [name: string, types: readonly string[], notNull: boolean, rest?: Rest];

const now: Rest = { added: 'not null default now()', fallback: 'now()' };
const on: Rest = { added: 'not null default true', fallback: 'true' };
const optional: Rest = { added: '' };

// Added columns have constant defaults or none, so that adding one does not rewrite the table.
const COLUMNS: Record<string, Column[]> = {
  tenants: [
    ['id', UUID, true, { fallback: 'gen_random_uuid()' }],
    ['domain_id', INTEGER, true, optional],
    ['name', TEXT, true],
    ['is_active', ['boolean'], true, on],
    ['created_at', TIME, true, now],
  ],
  channels: [
    ['id', SMALL, true],
    ['code', TEXT, true],
  ],
  channel_accounts: [
    ['id', INTEGER, true],
    ['tenant_id', UUID, true],
    ['channel_id', SMALL, true],
    ['account_id', TEXT, true],
    ['is_active', ['boolean'], true, on],
    ['created_at', TIME, true, now],
  ],
  clients: [
    ['tenant_id', UUID, true],
    ['id', UUID, true],
    ['name', TEXT, false, optional],
    ['phone', TEXT, false, optional],
    ['graph_synced_at', ['timestamp with time zone'], false, optional],
    ['created_at', TIME, true, now],
    ['updated_at', TIME, true, now],
  ],
  client_channels: [
    ['tenant_id', UUID, true, optional],
    ['channel_id', SMALL, true],
    ['external_id', TEXT, true],
    ['client_id', UUID, true],
    ['external_username', TEXT, false, optional],
    ['created_at', TIME, true, now],
  ],
  dialogs: [
    ['tenant_id', UUID, true, optional],
    ['id', UUID, true],
    ['client_id', UUID, true],
    ['channel_id', SMALL, true],
    ['channel_account_id', INTEGER, true],
    ['status_id', SMALL, true, { fallback: '1' }],
    ['vertical_id', ['integer', 'smallint', 'bigint'], false, optional],
    ['last_seq', ['integer'], true, { added: 'not null default 0', fallback: '0' }],
    ['created_at', TIME, true, now],
    ['updated_at', TIME, true, now],
  ],
};

/** The first migration's tables that the old database may have already. */
export const LEGACY_TABLES: readonly string[] = Object.keys(COLUMNS);

export const LEGACY_COLUMNS = Object.entries(COLUMNS).flatMap(([table, columns]) =>
  columns.map(([name, types, notNull, rest = {}]) => ({ table, name, types, notNull, ...rest })),
);

interface ColumnShape {
  type: string;
  notNull: boolean;
  hasDefault: boolean;
}

/** Columns by `table.column`; a missing table has none. */
export type Shape = ReadonlyMap<string, ColumnShape>;

export async function readShape(db: Queryable): Promise<Shape> {
  const rows = await run<ColumnShape & { key: string }>(
    db,
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

/** The names of which our own statements would find a table or an index. */
export async function findRelations(db: Queryable, names: readonly string[]): Promise<string[]> {
  const sql = 'select name from unnest($1::text[]) name where to_regclass(name) is not null';
  return (await run<{ name: string }>(db, sql, [names])).map(({ name }) => name);
}
