import {
  type MirrorKey,
  type MirrorKind,
  type MirrorRow,
  type MirrorRows,
  mirrorKeyOf,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { namedStatement, type Rows, statement } from '../database/statement.ts';

const NO_ID = '00000000-0000-0000-0000-000000000000';

/** The position of a run through the rows without a mark: the columns of the index that it follows, as texts. */
type Place = readonly string[];

/** Keys as rows. A key in the graph need not be a UUID. */
export const keysAs = (tenantId: 'uuid' | 'text', id: 'uuid' | 'text'): Rows<MirrorKey> => ({
  tenant_id: [tenantId, (key) => key.tenant_id],
  channel: ['text', (key) => key.channel],
  id: [id, (key) => key.id],
});

/** The differences between the tables. `t` is the table, `ch` its channel if it has one. */
interface TableSql<Kind extends MirrorKind> {
  kind: Kind;
  table: string;
  from: string;
  /** The properties in the graph, by their names there. */
  shown: Record<Exclude<keyof MirrorRows[Kind] & string, 'changed_at'>, string>;
  /** The primary key's columns after tenant_id, each with its type and a value before all others. */
  key: Record<string, readonly [type: string, first: string]>;
  /** Whether `t` has the key `q(tenant_id, channel, id)`, and the type of `q.id`. */
  hasKey: string;
  idType: 'uuid' | 'text';
  /** The key's columns of the row after which a page begins, as SQL about `:last`, its channel and its id. */
  after: string;
}

/** The statements of a table, made once, when this module is loaded. */
function mirrorTable<Kind extends MirrorKind>(sql: TableSql<Kind>) {
  type Row = MirrorRows[Kind];
  const { kind, table, from, idType } = sql;
  const hasKey = `t.tenant_id = q.tenant_id and ${sql.hasKey}`;
  const shown = [
    ...Object.entries(sql.shown).map(([name, value]) => `${value} as ${name}`),
    'graph_changed_at::text as changed_at',
  ].join(', ');
  const keyColumns = ['tenant_id', ...Object.keys(sql.key)];
  const key = keyColumns.map((column) => `t.${column}`).join(', ');
  const isSame = keyColumns.map((column) => `t.${column} = f.${column}`).join(' and ');

  const rows: Rows<MirrorRow> = {
    tenant_id: ['uuid', (row) => row.tenant_id],
    channel: ['text', (row) => mirrorKeyOf(row).channel],
    id: [idType, (row) => mirrorKeyOf(row).id],
    changed_at: ['timestamptz', (row) => row.changed_at],
  };
  const unchangedOf = (batch: string) => `
     from ${batch} q, ${from} where ${hasKey} and graph_changed_at = q.changed_at`;
  const unchanged = `${unchangedOf(':rows')} and graph_synced_at is not null`;
  const unmark = namedStatement(`unmark_${kind}`)(
    { rows },
    `with f as (select ${key} ${unchanged} for no key update of t skip locked)
     update ${table} t set graph_synced_at = null, graph_changed_at = now() from f where ${isSame}`,
  );
  const stillMarked = namedStatement<Row>(`marked_${kind}`)(
    { rows },
    `select ${shown} ${unchanged}`,
  );

  // In the order of the index, which is the order of waiting.
  const place = ['graph_changed_at', ...keyColumns.map((column) => `t.${column}`)];
  const places = [
    ['timestamptz', '-infinity'],
    ['uuid', NO_ID],
    ...Object.values(sql.key),
  ] as const;
  const readUnmirrored = namedStatement<Row & { place: string[] }>(`unmirrored_${kind}`)(
    { after: 'text[]', limit: 'int' },
    `select ${shown}, array[${place.map((column) => `${column}::text`)}] as place
       from ${from}
      where graph_synced_at is null
        and (${place}) > (${places.map(([type], index) => `(:after)[${index + 1}]::${type}`)})
      order by ${place} limit :limit`,
  );
  const readPage = namedStatement<Row & { is_marked: boolean }>(`page_of_${kind}`)(
    { tenant_id: 'uuid', last: 'text[]', limit: 'int' },
    `select ${shown}, graph_synced_at is not null as is_marked from ${from}
      where t.tenant_id = :tenant_id and (${key}) > (:tenant_id, ${sql.after})
      order by ${key} limit :limit`,
  );
  const count = statement<{ n: number }>(
    `count_${kind}`,
    `select count(*)::int as n from ${table} where tenant_id = any($1::uuid[])`,
  );
  const unknown = namedStatement<MirrorKey>(`unknown_${kind}`)(
    { keys: keysAs('uuid', idType) },
    `select q.tenant_id, q.channel, q.id from :keys q
      where not exists (select from ${from} where ${hasKey})`,
  );
  return {
    rows,
    /** Rows without a mark, and the place of the last one. Those that have waited longest come first. */
    async readUnmirrored(db: Queryable, after: Place | undefined, limit: number) {
      const start = places.map(([, first]) => first);
      const found = await readUnmirrored(db, { after: after ?? start, limit });
      const unplaced = found.map(({ place: _, ...row }) => row as unknown as Row);
      return { rows: unplaced, place: found.at(-1)?.place ?? after };
    },
    /**
     * SQL that marks the rows of the parameter named like the kind which have not changed since they were read, except
     * locked ones, if `held` has a row.
     */
    marking: `${kind}_free as (
        select ${key} ${unchangedOf(`:${kind}`)} and graph_synced_at is null and exists (select from held)
           for no key update of t skip locked
      ), ${kind}_marked as (
        update ${table} t set graph_synced_at = now() from ${kind}_free f where ${isSame}
      )`,
    /** Removes the mark from rows that have not changed since they were read, except locked ones. */
    unmark: (db: Queryable, some: readonly Row[]) => unmark(db, { rows: some }),
    /** The rows that have a mark and have not changed since they were read. */
    stillMarked: (db: Queryable, some: readonly Row[]) => stillMarked(db, { rows: some }),
    /** A tenant's rows after `last`, in the order of the key. */
    readPage(db: Queryable, tenantId: string, last: Row | null, limit: number) {
      const { channel, id } =
        last === null ? { channel: '', id: idType === 'uuid' ? NO_ID : '' } : mirrorKeyOf(last);
      return readPage(db, { tenant_id: tenantId, last: [channel, id], limit });
    },
    count: async (db: Queryable, tenants: readonly string[]) =>
      (await count(db, tenants))[0]?.n ?? 0,
    /** The keys that belong to no row. */
    unknown: (db: Queryable, keys: readonly MirrorKey[]) => unknown(db, { keys }),
  };
}

const BY_ID = {
  key: { id: ['uuid', NO_ID] },
  hasKey: 't.id = q.id',
  idType: 'uuid',
  after: '(:last)[2]::uuid',
} as const;

type MirrorTable<Kind extends MirrorKind> = ReturnType<typeof mirrorTable<Kind>>;

const MIRROR_TABLES: { [Kind in MirrorKind]: MirrorTable<Kind> } = {
  clients: mirrorTable({
    kind: 'clients',
    table: 'clients',
    from: 'clients t',
    shown: { tenant_id: 't.tenant_id', client_id: 't.id', name: 't.name', phone: 't.phone' },
    ...BY_ID,
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
    key: { channel_id: ['smallint', '0'], external_id: ['text', ''] },
    hasKey: 'ch.code = q.channel and t.external_id = q.id',
    idType: 'text',
    after: 'coalesce((select id from channels where code = (:last)[1]), 0::smallint), (:last)[2]',
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
    ...BY_ID,
  }),
};

/** The table behind a kind of nodes. */
export function tableOf<Kind extends MirrorKind>(kind: Kind): MirrorTable<Kind> {
  return MIRROR_TABLES[kind];
}
