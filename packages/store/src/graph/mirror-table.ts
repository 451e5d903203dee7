import type { MirrorKey, MirrorKind, MirrorRows } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';

/** Where a run through the rows without a mark has come to: the columns of the index it follows. */
type Place = readonly string[];

/** One of the tables that the graph shows, in the graph's names. */
export interface MirrorTable<Kind extends MirrorKind> {
  /** Rows without a mark, longest waiting first; each knows its place. */
  readUnmirrored(
    db: Queryable,
    after: Place | undefined,
    limit: number,
  ): Promise<Array<MirrorRows[Kind] & { place: string[] }>>;
  /** Takes the mark from rows that have not changed since, but for those that somebody is changing. */
  unmark(db: Queryable, rows: readonly MirrorRows[Kind][]): Promise<unknown>;
  /** Those that have a mark, and have not changed since they were read. */
  stillMarked(db: Queryable, rows: readonly MirrorRows[Kind][]): Promise<MirrorRows[Kind][]>;
  /** A tenant's rows after `last`, in the order of the key. */
  readPage(
    db: Queryable,
    tenantId: string,
    last: MirrorRows[Kind] | null,
    limit: number,
  ): Promise<Array<MirrorRows[Kind] & { is_marked: boolean }>>;
  count(db: Queryable, tenants: readonly string[]): Promise<number>;
  /** Those of the keys that belong to no row. */
  unknown(db: Queryable, keys: readonly MirrorKey[]): Promise<MirrorKey[]>;
}

/** What one table has of its own. `t` is the table, `ch` its channel where it has one. */
interface TableSql<Kind extends MirrorKind> {
  kind: Kind;
  table: string;
  from: string;
  /** The properties of the graph, by their names there. */
  shown: Record<Exclude<keyof MirrorRows[Kind] & string, 'changed_at'>, string>;
  /** The primary key's columns after tenant_id, and for each a value before all others. */
  key: ReadonlyArray<{ column: string; type: string; first: string }>;
  /** Whether `t` has the key `q(tenant_id, channel, id)`, and the type of `q.id`. */
  hasKey: string;
  idType: 'uuid' | 'text';
  keyOf: (row: MirrorRows[Kind]) => MirrorKey;
  /** The key's columns of the row after which a page begins, which `$3 …` tell, and what tells them. */
  after: string;
  lastOf: (row: MirrorRows[Kind] | null) => unknown[];
}

/** The statements of a table, made once, when its module is loaded. */
export function mirrorTable<Kind extends MirrorKind>(sql: TableSql<Kind>): MirrorTable<Kind> {
  type Row = MirrorRows[Kind];
  const { kind, table, from, idType, keyOf, lastOf } = sql;
  const hasKey = `t.tenant_id = q.tenant_id and ${sql.hasKey}`;
  const shown = [
    ...Object.entries(sql.shown).map(([name, value]) => `${value} as ${name}`),
    'graph_changed_at::text as changed_at',
  ].join(', ');
  const keyColumns = ['tenant_id', ...sql.key.map(({ column }) => column)];
  const key = keyColumns.map((column) => `t.${column}`).join(', ');
  const place = `graph_changed_at, ${key}`;
  const start = ['-infinity', NO_ID, ...sql.key.map(({ first }) => first)];
  const startTypes = ['timestamptz', 'uuid', ...sql.key.map(({ type }) => type)];
  const isSame = keyColumns.map((column) => `t.${column} = f.${column}`).join(' and ');
  const unchanged = `
     from unnest($1::uuid[], $2::text[], $3::${idType}[], $4::timestamptz[])
            as q(tenant_id, channel, id, changed_at), ${from}
    where ${hasKey} and graph_changed_at = q.changed_at and graph_synced_at is not null`;

  const readUnmirrored = statement<Row & { place: string[] }>(
    `unmirrored_${kind}`,
    `select ${shown}, array[${place.split(', ').map((column) => `${column}::text`)}] as place
       from ${from}
      where graph_synced_at is null
        and (${place}) > (${startTypes.map((type, i) => `$${i + 1}::${type}`)})
      order by ${place} limit $${start.length + 1}`,
  );
  const unmark = statement(
    `unmark_${kind}`,
    `with f as (select ${key} ${unchanged} for no key update of t skip locked)
     update ${table} t set graph_synced_at = null, graph_changed_at = now() from f where ${isSame}`,
  );
  const stillMarked = statement<Row>(`marked_${kind}`, `select ${shown} ${unchanged}`);
  const readPage = statement<Row & { is_marked: boolean }>(
    `page_of_${kind}`,
    `select ${shown}, graph_synced_at is not null as is_marked from ${from}
      where t.tenant_id = $1 and (${key}) > ($1::uuid, ${sql.after})
      order by ${key} limit $2`,
  );
  const count = statement<{ n: number }>(
    `count_${kind}`,
    `select count(*)::int as n from ${table} where tenant_id = any($1::uuid[])`,
  );
  const unknown = statement<MirrorKey>(
    `unknown_${kind}`,
    `select q.* from unnest($1::uuid[], $2::text[], $3::${idType}[]) as q(tenant_id, channel, id)
      where not exists (select from ${from} where ${hasKey})`,
  );

  const asRead = (rows: readonly Row[]) => [
    ...columnsOfKeys(rows.map(keyOf)),
    rows.map((row) => row.changed_at),
  ];
  return {
    readUnmirrored: (db, after = start, limit) => readUnmirrored(db, ...after, limit),
    unmark: (db, rows) => unmark(db, ...asRead(rows)),
    stillMarked: (db, rows) => stillMarked(db, ...asRead(rows)),
    readPage: (db, tenantId, last, limit) => readPage(db, tenantId, limit, ...lastOf(last)),
    count: async (db, tenants) => (await count(db, tenants))[0]?.n ?? 0,
    unknown: (db, keys) => unknown(db, ...columnsOfKeys(keys)),
  };
}

export const NO_ID = '00000000-0000-0000-0000-000000000000';

export const columnsOfKeys = (keys: readonly MirrorKey[]) =>
  columns(
    keys,
    (key) => key.tenant_id,
    (key) => key.channel,
    (key) => key.id,
  );
