import type { DlqEntry, MessageObserver } from '@contour/contract';
import { createBatcher, type Logger } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import {
  type Allowance,
  dropRefused,
  type Letter,
  type Parking,
  park,
  readParked,
  removeParked,
} from '@contour/store/dead-letters';

const BATCH_SIZE = 100;
/** This worker checks the bound after it has parked this share of it. */
const CHECK_SHARE = 1 / 16;
/** The bound is also checked at this interval: another worker may have died before its check. */
const CHECK_MS = 60_000;

interface DlqDeps {
  pool: Database;
  /** The bound of one unknown account. */
  allowance: Allowance;
  /** The bound of all refused entries together. */
  refused: Allowance;
  /** Called for a parked message, which is no longer queued. */
  forgetQueued: (messageId: string) => void;
  /** Called when an entry has changed: the index in Redis must show it. */
  show: () => void;
  observer: Pick<MessageObserver, 'parked' | 'notParked' | 'dropped' | 'replayed'>;
  logger: Pick<Logger, 'warn'>;
}

export type Dlq = ReturnType<typeof createDlq>;

/** Writes the dead-letter queue. Every method throws AppError if Postgres is away. */
export function createDlq(deps: DlqDeps) {
  const { pool, allowance, refused, forgetQueued, show, observer, logger } = deps;
  /** Refused entries since the last check. */
  const since: Allowance = { count: 0, bytes: 0 };
  let checkedAt = Number.NEGATIVE_INFINITY;

  async function keepBound(): Promise<void> {
    const now = performance.now();
    if (since.count === 0 && now - checkedAt < CHECK_MS) return;
    checkedAt = now;
    Object.assign(since, { count: 0, bytes: 0 });
    const dropped = await dropRefused(pool, refused);
    if (dropped === 0) return;
    logger.warn({ dropped }, 'dlq.dropped');
    observer.dropped(dropped);
    show();
  }

  function noteParked({ entry, wasRefused }: Letter): void {
    forgetQueued(entry.id);
    if (!wasRefused) return;
    since.count += 1;
    since.bytes += JSON.stringify(entry.message).length;
  }

  const isDue = () =>
    since.count > refused.count * CHECK_SHARE || since.bytes > refused.bytes * CHECK_SHARE;

  // One at a time, so that messages are parked in their order.
  const parking = createBatcher<Letter, Parking>({
    maxSize: BATCH_SIZE,
    maxInFlight: 1,
    run: async (letters) => {
      const results = await park(pool, letters, allowance);
      const parked = letters.filter((_, index) => results[index] === 'parked');
      parked.forEach(noteParked);
      if (parked.length > 0) show();
      // The next check, here or by the duty, drops the excess.
      if (isDue()) await keepBound().catch((err) => logger.warn({ err }, 'dlq.bound_not_kept'));
      return results;
    },
  });

  function noteReplayed(): void {
    show();
    observer.replayed();
  }

  return {
    /**
     * A message has one entry: parking it again renews the entry with the newest reason and error. `wasRefused`: the
     * sender was told that the message was not accepted.
     */
    async park(entry: DlqEntry, { wasRefused } = { wasRefused: false }): Promise<Parking> {
      const result = await parking.push({ entry, wasRefused });
      if (result === 'parked') observer.parked(entry);
      else observer.notParked(entry);
      return result;
    },
    read: (id: string) => readParked(pool, id),
    /** Removes the entry of a replay that succeeded, if it still has the version that was read. */
    async remove(id: string, version: string): Promise<boolean> {
      const removed = await removeParked(pool, [{ id, version }]);
      if (removed > 0) noteReplayed();
      return removed > 0;
    },
    /** To be called after Postgres has removed the entry of a dead message that was replayed. */
    noteReplayed,
    /** Drops the oldest refused entries beyond the bound. */
    keepBound,
  };
}
