import { columns, type Queryable, statement } from '../statement.ts';
import { countParked } from './dead-letters.ts';
import { conditionsOf, type DlqFilter } from './dlq-filter.ts';

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

// Locked in key order, as in every statement that writes these rows.
const removeRead = statement<{ id: string }>(
  'remove_parked',
  `with ${goneAndNoted(
    `select k.id from parked k
       join unnest($1::uuid[], $2::bigint[]) as q(id, version) on q.id = k.id and q.version = k.version
      order by k.id for update of k`,
    'let_in',
  )}
   select id from gone`,
);

export interface ReadEntry {
  id: string;
  version: string;
}

/** Removes entries that have been resolved, if they still have the versions that were read. Returns how many. */
export async function removeParked(db: Queryable, entries: readonly ReadEntry[]): Promise<number> {
  const keys = columns(
    entries,
    (entry) => entry.id,
    (entry) => entry.version,
  );
  return (await removeRead(db, ...keys)).length;
}

const erase = statement<{ id: string }>(
  'erase_parked',
  `with ${goneAndNoted('select k.id from parked k where k.id = any($1::uuid[]) order by k.id for update', 'erased')}
   select id from gone`,
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
  const { key, sql, values } = conditionsOf(filter, 4);
  const removePage = statement<{ seq: string; is_gone: boolean }>(
    `clear_parked ${key}`,
    `with page as (
       select p.id, p.seq, p.version from parked p
        where p.seq > $1::bigint and p.seq <= $2::bigint and p.version <= $2::bigint${sql}
        order by p.seq limit $3
     ), locked as (
       select p.id from parked p join page using (id, version) order by p.id for update of p
     ), ${goneAndNoted('select id from locked', 'cleared')}
     select page.seq, exists (select from gone where gone.id = page.id) as is_gone
       from page order by page.seq`,
  );
  let after = '0';
  let removed = 0;
  for (;;) {
    onProgress(Math.min(removed, total), total);
    const rows = await removePage(db, after, latest, PAGE, ...values);
    const end = rows.at(-1);
    if (end === undefined) return removed;
    after = end.seq;
    removed += rows.filter((row) => row.is_gone).length;
  }
}

const dropOldest = statement<{ id: string }>(
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
   select id from gone`,
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
