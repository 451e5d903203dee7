import type { DlqEntry } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';

/** What Redis shows of an entry: no body, and nothing that a sender wrote but its trace id. */
export interface IndexedEntry {
  id: string;
  version: string;
  reason: DlqEntry['reason'];
  stage: DlqEntry['stage'];
  tenantId: string | null;
  clientId: string | null;
  dialogId: string | null;
  channel: string | null;
  mask: string | null;
  traceId: string | null;
  errorCode: string;
  attempts: number;
  receivedAt: Date;
  failedAt: Date;
}

const PAGE = 500;

const findEntries = statement<{
  id: string;
  version: string;
  reason: DlqEntry['reason'];
  stage: DlqEntry['stage'];
  tenant_id: string | null;
  client_id: string | null;
  dialog_id: string | null;
  channel: string | null;
  mask: string | null;
  trace_id: string | null;
  error_code: string;
  attempts: number;
  received_at: Date;
  failed_at: Date;
}>(
  'find_unindexed_parked',
  `select id, version, reason, stage, tenant_id, client_id, dialog_id, channel, mask, trace_id, error_code,
          attempts, received_at, failed_at
     from parked where indexed_at is null order by seq limit ${PAGE}`,
);

/** The oldest entries that Redis does not show as they are. */
export async function findUnindexed(db: Queryable): Promise<IndexedEntry[]> {
  return (await findEntries(db)).map((row) => ({
    id: row.id,
    version: row.version,
    reason: row.reason,
    stage: row.stage,
    tenantId: row.tenant_id,
    clientId: row.client_id,
    dialogId: row.dialog_id,
    channel: row.channel,
    mask: row.mask,
    traceId: row.trace_id,
    errorCode: row.error_code,
    attempts: row.attempts,
    receivedAt: row.received_at,
    failedAt: row.failed_at,
  }));
}

const mark = statement(
  'mark_parked_indexed',
  `update parked p set indexed_at = now()
     from (select k.id from parked k
             join unnest($1::uuid[], $2::bigint[]) as q(id, version) on q.id = k.id and q.version = k.version
            order by k.id for update of k) d
    where p.id = d.id`,
);

/** Redis shows these entries, in these versions. */
export async function markIndexed(
  db: Queryable,
  entries: ReadonlyArray<{ id: string; version: string }>,
): Promise<void> {
  const keys = columns(
    entries,
    (entry) => entry.id,
    (entry) => entry.version,
  );
  await mark(db, ...keys);
}

const unmark = statement(
  'mark_parked_unindexed',
  `update parked p set indexed_at = null
     from (select id from parked where id = any($1::uuid[]) order by id for update) d
    where p.id = d.id`,
);

/** Redis has lost these entries. */
export async function markUnindexed(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await unmark(db, ids);
}

const findLeftRows = statement<{ id: string; left_at: string; is_there: boolean }>(
  'find_left_parked',
  `select f.id, f.left_at::text as left_at, exists (select from parked p where p.id = f.id) as is_there
     from parked_former f where f.is_indexed order by f.left_at limit ${PAGE}`,
);

export interface LeftEntry {
  id: string;
  leftAt: string;
  /** It was parked again: Redis has to show it. */
  isThere: boolean;
}

/** Entries that have left, and that Redis may still show. */
export async function findLeft(db: Queryable): Promise<LeftEntry[]> {
  return (await findLeftRows(db)).map(({ id, left_at: leftAt, is_there: isThere }) => ({
    id,
    leftAt,
    isThere,
  }));
}

const KEYS = 'unnest($1::uuid[], $2::text[]) as q(id, left_at)';

const markLeft = statement(
  'mark_parked_left',
  `with forgotten as (
     delete from parked_former f using ${KEYS}
      where f.id = q.id and f.left_at = q.left_at::timestamptz and f.leaving = 'erased'
   )
   update parked_former f set is_indexed = false from ${KEYS}
    where f.id = q.id and f.left_at = q.left_at::timestamptz and f.leaving <> 'erased'`,
);

/** Redis does not show these any more. Of what was erased nothing is remembered from now on. */
export async function markUnshown(db: Queryable, entries: readonly LeftEntry[]): Promise<void> {
  const keys = columns(
    entries,
    (entry) => entry.id,
    (entry) => entry.leftAt,
  );
  await markLeft(db, ...keys);
}

const findIndexed = statement<{ id: string; seq: string }>(
  'find_indexed_parked',
  `select id, seq from parked where seq > $1::bigint and indexed_at is not null order by seq limit 1000`,
);

/** The ids of all entries that Redis should show, page by page. */
export async function* indexedEntries(db: Queryable): AsyncGenerator<string[]> {
  let after = '0';
  for (;;) {
    const rows = await findIndexed(db, after);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(({ id }) => id);
    after = last.seq;
  }
}

const findVersions = statement<{ id: string; version: string }>(
  'find_parked_versions',
  'select id, version from parked where id = any($1::uuid[])',
);

/** The versions of those of these entries that are there. */
export async function parkedVersions(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const rows = await findVersions(db, ids);
  return new Map(rows.map(({ id, version }) => [id, version]));
}
