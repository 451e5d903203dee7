import { type DlqEntry, type DlqReason, isUuid } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import {
  type NamedStatement,
  namedStatement,
  type Params,
  statement,
  type Values,
} from '../database/statement.ts';
import {
  PARKED_COLUMNS,
  PARKED_MESSAGE,
  type ParkedEntry,
  type ParkedRow,
  parkedEntry,
} from './parked-row.ts';

export interface DlqFilter {
  reason?: DlqReason | undefined;
  tenantId?: string | undefined;
  fingerprint?: string | undefined;
  /** An ISO time: entries that failed earlier than this. */
  before?: string | undefined;
}

const CONDITIONS = [
  ['reason', 'p.reason = :reason', 'text'],
  ['tenantId', 'p.tenant_id = :tenantId', 'uuid'],
  ['fingerprint', 'p.fingerprint = :fingerprint', 'text'],
  ['before', 'p.failed_at < :before', 'timestamptz'],
] as const;

interface Conditions {
  /** Names the set of conditions. Statements with the same key have the same text. */
  key: string;
  /** To be joined with others by `and`. */
  sql: string;
  params: Params;
  values: Values<Params>;
}

/** A filter as SQL about a row `p`. */
export function conditionsOf(filter: DlqFilter): Conditions {
  const given = CONDITIONS.filter(([name]) => filter[name] !== undefined);
  return {
    key: given.map(([name]) => name).join(' '),
    sql: given.map(([, sql]) => ` and ${sql}`).join(''),
    params: Object.fromEntries(given.map(([name, , type]) => [name, type])),
    values: Object.fromEntries(given.map(([name]) => [name, filter[name] ?? null])),
  };
}

const BEGINNING = '0';
const PAGE_ENTRIES = 50;
const PAGE_BYTES = 4 * 1024 * 1024;
const TRACE_LIMIT = 200;

export interface DlqPage {
  /** How many entries the filter matches on all pages. */
  count: number;
  items: DlqEntry[];
  next: string | null;
}

/** Whether a text can be a cursor of a list. */
export const isDlqCursor = (text: string): boolean => /^\d{1,16}$/.test(text);

const findOne = statement<ParkedRow>(
  'find_parked',
  `select ${PARKED_COLUMNS} from parked p ${PARKED_MESSAGE} where p.id = $1::uuid`,
);

const findByTrace = statement<ParkedRow>(
  'find_parked_by_trace',
  `select ${PARKED_COLUMNS} from parked p ${PARKED_MESSAGE}
    where p.trace_id = $1 order by p.received_at, p.seq limit ${TRACE_LIMIT}`,
);

const statements = new Map<string, NamedStatement<Params, never>>();

/** One statement for each set of conditions, so that each is planned for its own index. */
export function forConditions<Row extends object>(
  name: string,
  params: Params,
  text: string,
): NamedStatement<Params, Row> {
  const known = statements.get(name) ?? namedStatement<never>(name)(params, text);
  statements.set(name, known);
  return known as NamedStatement<Params, Row>;
}

/** How many entries a filter matches. */
export async function countParked(db: Queryable, filter: DlqFilter): Promise<number> {
  const { key, sql, params, values } = conditionsOf(filter);
  const count = forConditions<{ n: number }>(
    `count_parked ${key}`,
    params,
    `select count(*)::int as n from parked p where true${sql}`,
  );
  return (await count(db, values))[0]?.n ?? 0;
}

// Reads bodies only of the rows of the page. A page has at least one row.
const pageSql = (sql: string) => `
  select ${PARKED_COLUMNS}
    from (select seq, sum(bytes) over (order by seq) - bytes as bytes_before
            from (select p.seq, p.bytes from parked p
                   where p.seq > :after and p.seq <= :last${sql}
                   order by p.seq limit :limit) q) page
    join parked p using (seq) ${PARKED_MESSAGE}
   where page.bytes_before < ${PAGE_BYTES}
   order by p.seq`;

async function readPage(
  db: Queryable,
  filter: DlqFilter,
  page: { after: string; last: string; limit: number },
): Promise<ParkedRow[]> {
  const { key, sql, params, values } = conditionsOf(filter);
  const all = { after: 'bigint', last: 'bigint', limit: 'int', ...params } as const;
  const read = forConditions<ParkedRow>(`list_parked ${key}`, all, pageSql(sql));
  return read(db, { ...page, ...values });
}

const findNewest = statement<{ seq: string }>(
  'newest_parked',
  'select coalesce(max(seq), 0)::text as seq from parked',
);

const END = '9223372036854775807';

async function list(
  db: Queryable,
  filter: DlqFilter,
  { limit, cursor = BEGINNING }: { limit: number; cursor?: string },
): Promise<DlqPage> {
  const rows: ParkedRow[] = [];
  let after: string | undefined = cursor;
  // One more than requested, which shows whether there is another page.
  while (after !== undefined && rows.length <= limit) {
    const some: ParkedRow[] = await readPage(db, filter, {
      after,
      last: END,
      limit: limit + 1 - rows.length,
    });
    rows.push(...some);
    after = some.at(-1)?.seq;
  }
  const shown = rows.slice(0, limit);
  return {
    count: await countParked(db, filter),
    items: shown.map((row) => parkedEntry(row).entry),
    next: rows.length > limit ? (shown.at(-1)?.seq ?? null) : null,
  };
}

async function* matching(
  db: Queryable,
  filter: DlqFilter,
  limit: number,
): AsyncGenerator<DlqEntry[]> {
  const [newest] = await findNewest(db);
  const last = newest?.seq ?? BEGINNING;
  let after = BEGINNING;
  let left = limit;
  while (left > 0) {
    const rows = await readPage(db, filter, { after, last, limit: Math.min(left, PAGE_ENTRIES) });
    const end = rows.at(-1);
    if (end === undefined) return;
    yield rows.map((row) => parkedEntry(row).entry);
    after = end.seq;
    left -= rows.length;
  }
}

/** An entry and its version, for `removeParked`. */
export async function readParked(db: Queryable, id: string): Promise<ParkedEntry | null> {
  const [row] = isUuid(id) ? await findOne(db, id) : [];
  return row === undefined ? null : parkedEntry(row);
}

/** The dead-letter queue as operators see it, the oldest entries first. */
export interface DeadLetters {
  get(id: string): Promise<DlqEntry | null>;
  list(filter: DlqFilter, page: { limit: number; cursor?: string }): Promise<DlqPage>;
  /** The entries of a trace, 200 at most. */
  byTrace(traceId: string): Promise<DlqEntry[]>;
  /** The entries that existed at the time of the call, page by page. Entries may be removed meanwhile. */
  matching(filter: DlqFilter, limit: number): AsyncIterable<DlqEntry[]>;
}

export function deadLetters(db: Queryable): DeadLetters {
  return {
    get: async (id) => (await readParked(db, id))?.entry ?? null,
    list: (filter, page) => list(db, filter, page),
    byTrace: async (traceId) =>
      (await findByTrace(db, traceId)).map((row) => parkedEntry(row).entry),
    matching: (filter, limit) => matching(db, filter, limit),
  };
}

/** The content of the dead-letter queue in numbers. */
export interface ParkedFacts {
  byReason: Array<{ reason: DlqReason; entries: number }>;
  /** The size of the bodies of unknown accounts. */
  unknownBytes: number;
}

const readFacts = statement<{ reason: DlqReason; entries: number; bytes: number }>(
  'parked_facts',
  `select reason, count(*)::int as entries,
          coalesce(sum(bytes) filter (where reason = 'unknown_tenant'), 0)::float8 as bytes
     from parked group by reason`,
);

export async function parkedFacts(db: Queryable): Promise<ParkedFacts> {
  const rows = await readFacts(db);
  return {
    byReason: rows.map(({ reason, entries }) => ({ reason, entries })),
    unknownBytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
