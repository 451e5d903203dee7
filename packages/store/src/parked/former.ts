import { type DlqReason, isUuid } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';
import type { Leaving } from './remove-parked.ts';

/** What is remembered for a week of an entry that is gone: a message's story has a hole without it. */
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

/** Forgets what left more than a week ago, some at a time; returns how many. */
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

/** Remembers nothing of these any more; what Redis still shows of them goes first. */
export async function forgetFormer(db: Queryable, ids: readonly string[]): Promise<void> {
  await forgetAll(db, ids.filter(isUuid));
}
