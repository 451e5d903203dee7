import { type DlqReason, isUuid } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import {
  isoTime,
  namedStatement,
  pages,
  type Rows,
  run,
  statement,
} from '../database/statement.ts';
import { conditionsOf, countParked, type DlqFilter } from './read.ts';

/** How an entry left the dead-letter queue. No note is kept of an erased one. */
export type Leaving = 'let_in' | 'cleared' | 'dropped' | 'erased';

/** SQL that removes the rows that `doomed` selects and notes how they left. The statement may continue with `gone`. */
export const goneAndNoted = (doomed: string, leaving: Leaving): string => `
  gone as (
    delete from parked p using (${doomed}) d where p.id = d.id
    returning p.id, p.reason, p.failed_at
  ), noted as (
    insert into parked_former (id, reason, failed_at, leaving)
    select id, reason, failed_at, '${leaving}' from gone
    on conflict (id) do update
       set reason = excluded.reason, failed_at = excluded.failed_at, leaving = excluded.leaving,
           left_at = now(), is_indexed = true
  )`;

export interface ReadEntry {
  id: string;
  version: string | number;
}

export const READ: Rows<ReadEntry> = {
  id: ['uuid', ({ id }) => id],
  version: ['bigint', ({ version }) => version],
};

/**
 * SQL for the rows of `:entries`, if they still have the versions that were read. They are locked in key order, as in
 * every statement that writes these rows.
 */
export const READ_ROWS = `
  select k.id from parked k join :entries q on q.id = k.id and q.version = k.version
   order by k.id for update of k`;

const removeRead = namedStatement('remove_parked')(
  { entries: READ },
  `with ${goneAndNoted(READ_ROWS, 'let_in')} select from gone`,
);

/** Removes entries that have been resolved, if they still have the versions that were read. Returns how many. */
export async function removeParked(db: Queryable, entries: readonly ReadEntry[]): Promise<number> {
  return (await removeRead(db, { entries })).length;
}

const erase = statement(
  'erase_parked',
  `with ${goneAndNoted('select k.id from parked k where k.id = any($1::uuid[]) order by k.id for update', 'erased')}
   select from gone`,
);

/** Removes entries in any version. Returns how many. */
export async function eraseParked(db: Queryable, ids: readonly string[]): Promise<number> {
  return (await erase(db, ids)).length;
}

const PAGE = 500;

const findLatest = statement<{ version: string }>(
  'latest_parked_version',
  'select last_value::text as version from parked_versions',
);

/**
 * Removes the entries that match, page by page. Entries that were parked, or parked again, after its start stay.
 * Reports its progress and returns how many it has removed.
 */
export async function clearParked(
  db: Queryable,
  filter: DlqFilter,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<number> {
  const latest = (await findLatest(db))[0]?.version ?? '0';
  const total = await countParked(db, filter);
  const { sql, values } = conditionsOf(filter, 3);
  const text = `with page as (
     select p.id, p.seq, p.version from parked p
      where p.seq > $1 and p.seq <= $2 and p.version <= $2${sql}
      order by p.seq limit ${PAGE}
   ), locked as (
     select p.id from parked p join page using (id, version) order by p.id for update of p
   ), ${goneAndNoted('select id from locked', 'cleared')}
   select page.seq, exists (select from gone where gone.id = page.id) as is_gone
     from page order by page.seq`;
  let removed = 0;
  const removePage = (last = { seq: '0', is_gone: false }) => {
    onProgress(Math.min(removed, total), total);
    return run<{ seq: string; is_gone: boolean }>(db, text, [last.seq, latest, ...values]);
  };
  for await (const rows of pages(removePage)) removed += rows.filter((row) => row.is_gone).length;
  return removed;
}

const dropOldest = statement(
  'drop_refused',
  `with ranked as (
     select id, version, row_number() over newest_first as nth, sum(bytes) over newest_first as bytes_so_far
       from parked where was_refused
     window newest_first as (order by seq desc rows unbounded preceding)
   ), doomed as (
     select p.id from parked p join ranked r using (id, version)
      where r.nth > $1::int or r.bytes_so_far > $2::bigint
      order by p.id for update of p skip locked
   ), ${goneAndNoted('select id from doomed', 'dropped')}
   select from gone`,
);

/**
 * Drops the oldest refused entries of all accounts beyond their bound. Their senders were told that the messages were
 * not accepted. Returns how many it has dropped.
 */
export async function dropRefused(
  db: Queryable,
  { count, bytes }: { count: number; bytes: number },
): Promise<number> {
  return (await dropOldest(db, count, bytes)).length;
}

/** A removed entry, remembered for a week for the history of its message. */
export interface FormerEntry {
  reason: DlqReason;
  failedAt: string;
  leftAt: string;
  leaving: Leaving;
}

const findFormerOne = statement<FormerEntry>(
  'find_parked_former',
  `select reason, ${isoTime('failed_at')} as "failedAt", ${isoTime('left_at')} as "leftAt", leaving
     from parked_former
    where id = $1::uuid and leaving <> 'erased'`,
);

export async function findFormer(db: Queryable, id: string): Promise<FormerEntry | null> {
  const [row] = isUuid(id) ? await findFormerOne(db, id) : [];
  return row ?? null;
}

const KEPT_DAYS = 7;
const BATCH = 5_000;

const removeOld = statement(
  'remove_old_parked_former',
  `delete from parked_former where id in (
     select id from parked_former
      where left_at < now() - ${KEPT_DAYS} * interval '1 day' and not is_indexed
      order by left_at limit ${BATCH} for update skip locked)
   returning 1`,
);

/** Deletes notes of entries that left more than a week ago, a batch at a time. Returns how many. */
export const removeOldFormer = async (db: Queryable) => (await removeOld(db)).length;

const forgetAll = statement(
  'forget_parked_former',
  `with gone as (
     delete from parked_former where id = any($1::uuid[]) and not is_indexed
   )
   update parked_former set leaving = 'erased' where id = any($1::uuid[]) and is_indexed`,
);

/** Deletes the notes of these entries. Entries that Redis still shows are only marked as erased until then. */
export async function forgetFormer(db: Queryable, ids: readonly string[]): Promise<void> {
  await forgetAll(db, ids.filter(isUuid));
}
