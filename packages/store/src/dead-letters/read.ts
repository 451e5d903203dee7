import { type DlqEntry, type DlqReason, isUuid } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { pages, run, statement } from '../database/statement.ts';
import {
  PARKED_COLUMNS,
  PARKED_MESSAGE,
  type ParkedEntry,
  type ParkedRow,
  parkedEntry,
  readPage,
} from './parked-row.ts';

export interface DlqFilter {
  reason?: DlqReason | undefined;
  tenantId?: string | undefined;
  fingerprint?: string | undefined;
  /** An ISO time: entries that failed earlier than this. */
  before?: string | undefined;
}

const CONDITIONS = [
  ['reason', 'p.reason ='],
  ['tenantId', 'p.tenant_id ='],
  ['fingerprint', 'p.fingerprint ='],
  ['before', 'p.failed_at <'],
] as const;

/**
 * A filter as SQL about a row `p`, to be added to other conditions, with its parameters from `$first` on. Each set of
 * conditions is a statement of its own, so that it is planned for its own index.
 */
export function conditionsOf(filter: DlqFilter, first: number): { sql: string; values: string[] } {
  const given = CONDITIONS.flatMap(([name, condition]) => {
    const value = filter[name];
    return value === undefined ? [] : [{ condition, value }];
  });
  return {
    sql: given.map(({ condition }, index) => ` and ${condition} $${first + index}`).join(''),
    values: given.map(({ value }) => value),
  };
}

const BEGINNING = '0';
/** Small: reading a page holds up everything else in the process. */
const PAGE_ENTRIES = 50;
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

/** How many entries a filter matches. */
export async function countParked(db: Queryable, filter: DlqFilter): Promise<number> {
  const { sql, values } = conditionsOf(filter, 1);
  const text = `select count(*)::int as n from parked p where true${sql}`;
  return (await run<{ n: number }>(db, text, values))[0]?.n ?? 0;
}

const NAMED_PRINTS = 5;

const selectPrints = statement<{ fingerprint: string }>(
  'find_parked_fingerprints',
  `select distinct fingerprint from parked where starts_with(fingerprint, $1)
    order by fingerprint limit ${NAMED_PRINTS}`,
);

/** The fingerprints among the entries that begin so, at most five. */
export async function fingerprintsFrom(db: Queryable, beginning: string): Promise<string[]> {
  return (await selectPrints(db, beginning)).map(({ fingerprint }) => fingerprint);
}

/** A page of the list, after one place in it and up to another. */
function listPage(
  db: Queryable,
  filter: DlqFilter,
  { after, last, limit }: { after: string; last: string; limit: number },
): Promise<ParkedRow[]> {
  const { sql, values } = conditionsOf(filter, 3);
  const condition = `p.seq > $1 and p.seq <= $2${sql}`;
  return readPage(db, { condition, order: 'seq', limit }, [after, last, ...values]);
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
  // One more than requested, which shows whether there is another page.
  const read = ({ seq: after } = { seq: cursor }) =>
    listPage(db, filter, { after, last: END, limit: limit + 1 - rows.length });
  for await (const some of pages(read)) {
    rows.push(...some);
    if (rows.length > limit) break;
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
  let left = limit;
  const read = async ({ seq: after } = { seq: BEGINNING }) =>
    left === 0 ? [] : listPage(db, filter, { after, last, limit: Math.min(left, PAGE_ENTRIES) });
  for await (const rows of pages(read)) {
    left -= rows.length;
    yield rows.map((row) => parkedEntry(row).entry);
  }
}

/** An entry and its version, for `removeParked`. */
export async function readParked(db: Queryable, id: string): Promise<ParkedEntry | null> {
  const [row] = isUuid(id) ? await findOne(db, id) : [];
  return row === undefined ? null : parkedEntry(row);
}

export type DeadLetters = ReturnType<typeof deadLetters>;

/** The dead-letter queue as operators see it, the oldest entries first. */
export function deadLetters(db: Queryable) {
  return {
    get: async (id: string): Promise<DlqEntry | null> => (await readParked(db, id))?.entry ?? null,
    list: (filter: DlqFilter, page: { limit: number; cursor?: string }) => list(db, filter, page),
    /** The entries of a trace, 200 at most. */
    byTrace: async (traceId: string): Promise<DlqEntry[]> =>
      (await findByTrace(db, traceId)).map((row) => parkedEntry(row).entry),
    /** The entries that existed at the time of the call, page by page. Entries may be removed meanwhile. */
    matching: (filter: DlqFilter, limit: number): AsyncIterable<DlqEntry[]> =>
      matching(db, filter, limit),
  };
}

const readFacts = statement<{ reason: DlqReason; entries: number; bytes: number }>(
  'parked_facts',
  `select reason, count(*)::int as entries,
          coalesce(sum(bytes) filter (where reason = 'unknown_tenant'), 0)::float8 as bytes
     from parked group by reason`,
);

export type ParkedFacts = Awaited<ReturnType<typeof parkedFacts>>;

/** The content of the dead-letter queue in numbers. */
export async function parkedFacts(db: Queryable) {
  const rows = await readFacts(db);
  return {
    byReason: rows.map(({ reason, entries }) => ({ reason, entries })),
    /** The size of the bodies of unknown accounts. */
    unknownBytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
