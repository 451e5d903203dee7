import { type Queryable, run } from '@contour/store';

/** A column of the first migration's tables that the old database may have already. */
interface LegacyColumn {
  table: LegacyTable;
  name: string;
  /** The accepted answers of format_type(); the migrations make the first one. */
  types: readonly string[];
  notNull: boolean;
  /** What follows the type where the column is added; undefined where only the owner can add it. */
  added?: string;
  /** The default for inserts that do not name the column. */
  fallback?: string;
}

export const LEGACY_TABLES = [
  'tenants',
  'channels',
  'channel_accounts',
  'clients',
  'client_channels',
  'dialogs',
] as const;

type LegacyTable = (typeof LEGACY_TABLES)[number];

const UUID = ['uuid'];
// pg returns smallint and integer as numbers, and bigint as text.
const SMALL = ['smallint', 'integer'];
const INTEGER = ['integer', 'smallint'];
const TEXT = ['text', 'character varying'];
const TIME = ['timestamp with time zone', 'timestamp without time zone'];

type Rest = Pick<LegacyColumn, 'added' | 'fallback'>;

const column =
  (table: LegacyTable) =>
  (name: string, types: readonly string[], notNull: boolean, rest: Rest = {}): LegacyColumn => ({
    table,
    name,
    types,
    notNull,
    ...rest,
  });

const now: Rest = { added: 'not null default now()', fallback: 'now()' };
const on: Rest = { added: 'not null default true', fallback: 'true' };
const optional: Rest = { added: '' };

const tenants = column('tenants');
const channels = column('channels');
const accounts = column('channel_accounts');
const clients = column('clients');
const identities = column('client_channels');
const dialogs = column('dialogs');

// Added columns have constant defaults or none, so that adding one does not rewrite the table.
export const LEGACY_COLUMNS: readonly LegacyColumn[] = [
  tenants('id', UUID, true, { fallback: 'gen_random_uuid()' }),
  tenants('domain_id', INTEGER, true, optional),
  tenants('name', TEXT, true),
  tenants('is_active', ['boolean'], true, on),
  tenants('created_at', TIME, true, now),
  channels('id', SMALL, true),
  channels('code', TEXT, true),
  accounts('id', INTEGER, true),
  accounts('tenant_id', UUID, true),
  accounts('channel_id', SMALL, true),
  accounts('account_id', TEXT, true),
  accounts('is_active', ['boolean'], true, on),
  accounts('created_at', TIME, true, now),
  clients('tenant_id', UUID, true),
  clients('id', UUID, true),
  clients('name', TEXT, false, optional),
  clients('phone', TEXT, false, optional),
  clients('graph_synced_at', ['timestamp with time zone'], false, optional),
  clients('created_at', TIME, true, now),
  clients('updated_at', TIME, true, now),
  identities('tenant_id', UUID, true, optional),
  identities('channel_id', SMALL, true),
  identities('external_id', TEXT, true),
  identities('client_id', UUID, true),
  identities('external_username', TEXT, false, optional),
  identities('created_at', TIME, true, now),
  dialogs('tenant_id', UUID, true, optional),
  dialogs('id', UUID, true),
  dialogs('client_id', UUID, true),
  dialogs('channel_id', SMALL, true),
  dialogs('channel_account_id', INTEGER, true),
  dialogs('status_id', SMALL, true, { fallback: '1' }),
  dialogs('vertical_id', ['integer', 'smallint', 'bigint'], false, optional),
  dialogs('last_seq', ['integer'], true, { added: 'not null default 0', fallback: '0' }),
  dialogs('created_at', TIME, true, now),
  dialogs('updated_at', TIME, true, now),
];

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

/** Whether our own statements would find a table or an index of that name. */
export async function hasRelation(db: Queryable, name: string): Promise<boolean> {
  const sql = 'select to_regclass($1) is not null as is_there';
  const [row] = await run<{ is_there: boolean }>(db, sql, [name]);
  return row?.is_there === true;
}
