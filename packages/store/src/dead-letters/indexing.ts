import type { DlqJob } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { isoTime, namedStatement, pages, type Rows, statement } from '../database/statement.ts';
import { READ, READ_ROWS, type ReadEntry } from './leave.ts';

const PAGE = 500;

/** The jobs of the oldest entries that Redis does not show in their current version. */
export const findUnindexed = statement<DlqJob>(
  'find_unindexed_parked',
  `select 2 as v, version::float8 as version, id, reason, stage, tenant_id, client_id, dialog_id, trace_id, channel,
          mask as account, error_code as error, attempts, ${isoTime('received_at')} as received_at,
          ${isoTime('failed_at')} as failed_at
     from parked where indexed_at is null order by seq limit ${PAGE}`,
);

const mark = namedStatement('mark_parked_indexed')(
  { entries: READ },
  `update parked p set indexed_at = now() from (${READ_ROWS}) d where p.id = d.id`,
);

/** Notes that Redis shows these entries in these versions. */
export async function markIndexed(db: Queryable, entries: readonly ReadEntry[]): Promise<void> {
  await mark(db, { entries });
}

const unmark = statement(
  'mark_parked_unindexed',
  `update parked p set indexed_at = null
     from (select id from parked where id = any($1::uuid[]) order by id for update) d
    where p.id = d.id`,
);

/** Notes that Redis does not show these entries. */
export async function markUnindexed(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await unmark(db, ids);
}

interface LeftEntry {
  id: string;
  leftAt: string;
  /** Whether the entry was parked again, so that Redis has to show it. */
  isThere: boolean;
}

/** Entries that have left and that Redis may still show. */
export const findLeft = statement<LeftEntry>(
  'find_left_parked',
  `select f.id, f.left_at::text as "leftAt", exists (select from parked p where p.id = f.id) as "isThere"
     from parked_former f where f.is_indexed order by f.left_at limit ${PAGE}`,
);

const LEFT: Rows<Pick<LeftEntry, 'id' | 'leftAt'>> = {
  id: ['uuid', ({ id }) => id],
  left_at: ['timestamptz', ({ leftAt }) => leftAt],
};

const markLeft = namedStatement('mark_parked_left')(
  { entries: LEFT },
  `with forgotten as (
     delete from parked_former f using :entries q
      where f.id = q.id and f.left_at = q.left_at and f.leaving = 'erased'
   )
   update parked_former f set is_indexed = false from :entries q
    where f.id = q.id and f.left_at = q.left_at and f.leaving <> 'erased'`,
);

/** Notes that Redis no longer shows these entries, and deletes the notes of erased ones. */
export async function markUnshown(db: Queryable, entries: readonly LeftEntry[]): Promise<void> {
  await markLeft(db, { entries });
}

const findIndexed = statement<{ id: string; seq: string }>(
  'find_indexed_parked',
  `select id, seq from parked where seq > $1::bigint and indexed_at is not null order by seq limit 1000`,
);

/** The ids of all entries that Redis should show, page by page. */
export async function* indexedEntries(db: Queryable): AsyncGenerator<string[]> {
  const read = (last = { id: '', seq: '0' }) => findIndexed(db, last.seq);
  for await (const rows of pages(read)) yield rows.map(({ id }) => id);
}

const findVersions = statement<{ id: string; version: string }>(
  'find_parked_versions',
  'select id, version from parked where id = any($1::uuid[])',
);

/** The versions of the entries among these ids. */
export async function parkedVersions(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const rows = await findVersions(db, ids);
  return new Map(rows.map(({ id, version }) => [id, version]));
}

/** A duty that only one worker may perform at a time. */
export type TurnDuty = 'release' | 'sweep' | 'rebuild';

const take = statement<{ duty: string }>(
  'take_parked_turn',
  `update parked_turns set holder = $2, held_until = now() + $3::float8 * interval '1 ms'
    where duty = $1 and (holder = $2 or held_until < now())
   returning duty`,
);

/** Takes or renews the lease of a duty for `ms`. Returns false if another holder has it. */
export async function takeParkedTurn(
  db: Queryable,
  { duty, holder, ms }: { duty: TurnDuty; holder: string; ms: number },
): Promise<boolean> {
  return (await take(db, duty, holder, ms)).length > 0;
}
