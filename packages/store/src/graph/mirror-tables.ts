import { type MirrorKey, type MirrorKind, type MirrorRows, mirrorKeyOf } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { namedStatement, type Params, statement, type Values } from '../database/statement.ts';

const NO_ID = '00000000-0000-0000-0000-000000000000';

/** The position of a run through the rows without a mark: the columns of the index that it follows. */
type Place = readonly string[];

/** One of the tables that the graph shows, in the names of the graph. */
export interface MirrorTable<Kind extends MirrorKind> {
  /** Rows without a mark and their places. Those that have waited longest come first. */
  readUnmirrored(
    db: Queryable,
    after: Place | undefined,
    limit: number,
  ): Promise<Array<MirrorRows[Kind] & { place: string[] }>>;
  /**
   * SQL that marks rows which have not changed since they were read, except locked ones, if `held` has a row. The names
   * of its parameters begin with the kind.
   */
  marking: {
    params: Params;
    sql: string;
    values(rows: readonly MirrorRows[Kind][]): Values<Params>;
  };
  /** Removes the mark from rows that have not changed since they were read, except locked ones. */
  unmark(db: Queryable, rows: readonly MirrorRows[Kind][]): Promise<unknown>;
  /** The rows that have a mark and have not changed since they were read. */
  stillMarked(db: Queryable, rows: readonly MirrorRows[Kind][]): Promise<MirrorRows[Kind][]>;
  /** A tenant's rows after `last`, in the order of the key. */
  readPage(
    db: Queryable,
    tenantId: string,
    last: MirrorRows[Kind] | null,
    limit: number,
  ): Promise<Array<MirrorRows[Kind] & { is_marked: boolean }>>;
  count(db: Queryable, tenants: readonly string[]): Promise<number>;
  /** The keys that belong to no row. */
  unknown(db: Queryable, keys: readonly MirrorKey[]): Promise<MirrorKey[]>;
}

/** The differences between the tables. `t` is the table, `ch` its channel if it has one. */
interface TableSql<Kind extends MirrorKind> {
  kind: Kind;
  table: string;
  from: string;
  /** The properties in the graph, by their names there. */
  shown: Record<Exclude<keyof MirrorRows[Kind] & string, 'changed_at'>, string>;
  /** The primary key's columns after tenant_id, each with a value before all others. */
  key: ReadonlyArray<{ column: string; type: 'uuid' | 'smallint' | 'text'; first: string }>;
  /** Whether `t` has the key `q(tenant_id, channel, id)`, and the type of `q.id`. */
  hasKey: string;
  idType: 'uuid' | 'text';
  /** The key's columns of the row after which a page begins, as SQL about `:last_id` and the parameters `lastChannel`. */
  after: string;
  lastChannel: { last_channel?: 'text' };
}

/** Reads rows without a mark in the order of the index, which is the order of waiting. */
function unmirroredRows<Kind extends MirrorKind>(
  { kind, from, key }: TableSql<Kind>,
  shown: string,
  keySql: string,
): MirrorTable<Kind>['readUnmirrored'] {
  const place = `graph_changed_at, ${keySql}`;
  const start = ['-infinity', NO_ID, ...key.map(({ first }) => first)];
  const params: Params = {
    since: 'timestamptz',
    tenant_id: 'uuid',
    ...Object.fromEntries(key.map(({ column, type }) => [column, type])),
  };
  const names = Object.keys(params);
  const read = namedStatement<MirrorRows[Kind] & { place: string[] }>(`unmirrored_${kind}`)(
    { ...params, limit: 'int' },
    `select ${shown}, array[${place.split(', ').map((column) => `${column}::text`)}] as place
       from ${from}
      where graph_synced_at is null and (${place}) > (${names.map((name) => `:${name}`)})
      order by ${place} limit :limit`,
  );
  return (db, after = start, limit) => {
    const values = names.map((name, index) => [name, after[index] ?? null]);
    return read(db, { ...Object.fromEntries(values), limit });
  };
}

const prefixed = <Value>(kind: MirrorKind, values: Readonly<Record<string, Value>>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${kind}_${name}`, value]));

/** The statements of a table, made once, when this module is loaded. */
function mirrorTable<Kind extends MirrorKind>(sql: TableSql<Kind>): MirrorTable<Kind> {
  type Row = MirrorRows[Kind];
  const { kind, table, from, idType } = sql;
  const hasKey = `t.tenant_id = q.tenant_id and ${sql.hasKey}`;
  const shown = [
    ...Object.entries(sql.shown).map(([name, value]) => `${value} as ${name}`),
    'graph_changed_at::text as changed_at',
  ].join(', ');
  const keyColumns = ['tenant_id', ...sql.key.map(({ column }) => column)];
  const key = keyColumns.map((column) => `t.${column}`).join(', ');
  const isSame = keyColumns.map((column) => `t.${column} = f.${column}`).join(' and ');

  const rowParams = {
    tenant_ids: 'uuid[]',
    channels: 'text[]',
    ids: `${idType}[]`,
    changed_at: 'timestamptz[]',
  } as const;
  const unchangedOf = (prefix: string) => `
     from unnest(:${prefix}tenant_ids, :${prefix}channels, :${prefix}ids, :${prefix}changed_at)
            as q(tenant_id, channel, id, changed_at), ${from}
    where ${hasKey} and graph_changed_at = q.changed_at`;
  const unchanged = `${unchangedOf('')} and graph_synced_at is not null`;
  const unmark = namedStatement(`unmark_${kind}`)(
    rowParams,
    `with f as (select ${key} ${unchanged} for no key update of t skip locked)
     update ${table} t set graph_synced_at = null, graph_changed_at = now() from f where ${isSame}`,
  );
  const stillMarked = namedStatement<Row>(`marked_${kind}`)(
    rowParams,
    `select ${shown} ${unchanged}`,
  );
  const asRead = (rows: readonly Row[]) => {
    const [tenant_ids, channels, ids] = columnsOfKeys(rows.map(mirrorKeyOf));
    return { tenant_ids, channels, ids, changed_at: rows.map((row) => row.changed_at) };
  };

  const firstId = idType === 'uuid' ? NO_ID : '';
  const readPage = namedStatement<Row & { is_marked: boolean }>(`page_of_${kind}`)(
    { tenant_id: 'uuid', limit: 'int', last_id: idType, ...sql.lastChannel },
    `select ${shown}, graph_synced_at is not null as is_marked from ${from}
      where t.tenant_id = :tenant_id and (${key}) > (:tenant_id, ${sql.after})
      order by ${key} limit :limit`,
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
  return {
    readUnmirrored: unmirroredRows(sql, shown, key),
    marking: {
      params: prefixed(kind, rowParams),
      sql: `${kind}_free as (
        select ${key} ${unchangedOf(`${kind}_`)} and graph_synced_at is null and exists (select from held)
           for no key update of t skip locked
      ), ${kind}_marked as (
        update ${table} t set graph_synced_at = now() from ${kind}_free f where ${isSame}
      )`,
      values: (rows) => prefixed(kind, asRead(rows)),
    },
    unmark: (db, rows) => unmark(db, asRead(rows)),
    stillMarked: (db, rows) => stillMarked(db, asRead(rows)),
    readPage: (db, tenant_id, last, limit) => {
      const key = last === null ? { channel: null, id: firstId } : mirrorKeyOf(last);
      return readPage(db, { tenant_id, limit, last_channel: key.channel, last_id: key.id });
    },
    count: async (db, tenants) => (await count(db, tenants))[0]?.n ?? 0,
    unknown: (db, keys) => unknown(db, ...columnsOfKeys(keys)),
  };
}

export const columnsOfKeys = (keys: readonly MirrorKey[]): [string[], string[], string[]] => [
  keys.map((key) => key.tenant_id),
  keys.map((key) => key.channel),
  keys.map((key) => key.id),
];

const MIRROR_TABLES: { [Kind in MirrorKind]: MirrorTable<Kind> } = {
  clients: mirrorTable({
    kind: 'clients',
    table: 'clients',
    from: 'clients t',
    shown: { tenant_id: 't.tenant_id', client_id: 't.id', name: 't.name', phone: 't.phone' },
    key: [{ column: 'id', type: 'uuid', first: NO_ID }],
    hasKey: 't.id = q.id',
    idType: 'uuid',
    after: ':last_id',
    lastChannel: {},
  }),
  identities: mirrorTable({
    kind: 'identities',
    table: 'client_channels',
    from: 'client_channels t join channels ch on ch.id = t.channel_id',
    shown: {
      tenant_id: 't.tenant_id',
      channel: 'ch.code',
      external_id: 't.external_id',
      client_id: 't.client_id',
    },
    key: [
      { column: 'channel_id', type: 'smallint', first: '0' },
      { column: 'external_id', type: 'text', first: '' },
    ],
    hasKey: 'ch.code = q.channel and t.external_id = q.id',
    idType: 'text',
    after: 'coalesce((select id from channels where code = :last_channel), 0::smallint), :last_id',
    lastChannel: { last_channel: 'text' },
  }),
  dialogs: mirrorTable({
    kind: 'dialogs',
    table: 'dialogs',
    from: 'dialogs t join channels ch on ch.id = t.channel_id',
    shown: {
      tenant_id: 't.tenant_id',
      dialog_id: 't.id',
      client_id: 't.client_id',
      channel: 'ch.code',
      status: "case t.status_id when 1 then 'active' when 2 then 'waiting' else 'closed' end",
    },
    key: [{ column: 'id', type: 'uuid', first: NO_ID }],
    hasKey: 't.id = q.id',
    idType: 'uuid',
    after: ':last_id',
    lastChannel: {},
  }),
};

/** The table behind a kind of nodes. */
export function tableOf<Kind extends MirrorKind>(kind: Kind): MirrorTable<Kind> {
  return MIRROR_TABLES[kind];
}
