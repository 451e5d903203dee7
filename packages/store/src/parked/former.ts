import { type DlqReason, isUuid } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';
import type { Leaving } from './remove-parked.ts';

/** A removed entry, remembered for a week for the history of its message. */
export interface FormerEntry {
  reason: DlqReason;
  failedAt: string;
  leftAt: string;
  leaving: Leaving;
}

const findOne = statement<{ reason: DlqReason; failed_at: Date; left_at: Date; leaving: Leaving }>(
  'find_parked_former',
  `select reason, failed_at, left_at, leaving from parked_former
    where id = $1::uuid and leaving <> 'erased'`,
);

export async function findFormer(db: Queryable, id: string): Promise<FormerEntry | null> {
  const [row] = isUuid(id) ? await findOne(db, id) : [];
  if (row === undefined) return null;
  return {
    reason: row.reason,
    failedAt: row.failed_at.toISOString(),
    leftAt: row.left_at.toISOString(),
    leaving: row.leaving,
  };
}

const KEPT_DAYS = 7;
const BATCH = 5_000;

const removeOld = statement<{ id: string }>(
  'remove_old_parked_former',
  `delete from parked_former where id in (
     select id from parked_former
      where left_at < now() - ${KEPT_DAYS} * interval '1 day' and not is_indexed
      order by left_at limit ${BATCH} for update skip locked)
   returning id`,
);

/** Deletes notes of entries that left more than a week ago, a batch at a time. Returns how many. */
export async function removeOldFormer(db: Queryable): Promise<number> {
  return (await removeOld(db)).length;
}

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
