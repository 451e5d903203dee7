import type { DlqEntry } from '@contour/contract';
import { createBatcher, type Logger } from '@contour/runtime';
import {
  type Allowance,
  asAppError,
  dropRefused,
  type Letter,
  type ParkedEntry,
  type Parking,
  type Pool,
  park,
  readParked,
  removeParked,
} from '@contour/store';

const BATCH_SIZE = 100;
/** After this share of the bound has been parked, this worker checks the bound. */
const LOOK_SHARE = 1 / 16;

/** The bound is also checked at this interval: another worker may have died before its check. */
const LOOK_MS = 60_000;

/** How a worker writes the dead-letter queue. Every method throws AppError if Postgres is away. */
export interface Dlq {
  /**
   * A message has one entry: parking it again renews the entry with the newest reason and error. `wasRefused`: the
   * sender was told that the message was not accepted.
   */
  park(entry: DlqEntry, how?: { wasRefused: boolean }): Promise<Parking>;
  read(id: string): Promise<ParkedEntry | null>;
  /** Removes the entry only if it still has the version that was read. */
  remove(id: string, version: string): Promise<boolean>;
}

interface DlqDeps {
  pool: Pool;
  /** The bound of one unknown account. */
  allowance: Allowance;
  /** The bound of all refused entries together. */
  refused: Allowance;
  /** Called for a parked message, which is no longer queued. */
  forgetQueued: (messageId: string) => void;
  /** Called when Redis has to show a change. */
  show: () => void;
  onDropped: (count: number) => void;
  logger: Pick<Logger, 'warn'>;
}

export interface OpenDlq extends Dlq {
  /** Drops the oldest refused entries beyond the bound. */
  keepBound(): Promise<void>;
}

const toAppError = (error: unknown): never => {
  throw asAppError(error);
};

export function createDlq(deps: DlqDeps): OpenDlq {
  const { pool, allowance, refused, forgetQueued, show, onDropped, logger } = deps;
  /** Refused entries since the last check. */
  const since: Allowance = { count: 0, bytes: 0 };

  let lookedAt = Number.NEGATIVE_INFINITY;

  async function keepBound(): Promise<void> {
    const now = performance.now();
    if (since.count === 0 && now - lookedAt < LOOK_MS) return;
    lookedAt = now;
    Object.assign(since, { count: 0, bytes: 0 });
    const dropped = await dropRefused(pool, refused);
    if (dropped === 0) return;
    logger.warn({ dropped }, 'dlq.dropped');
    onDropped(dropped);
    show();
  }

  function noteRefused(letters: readonly Letter[]): void {
    for (const { entry, wasRefused } of letters) {
      if (!wasRefused) continue;
      since.count += 1;
      since.bytes += JSON.stringify(entry.message).length;
    }
  }

  const isDue = () =>
    since.count > refused.count * LOOK_SHARE || since.bytes > refused.bytes * LOOK_SHARE;

  // One at a time, so that messages are parked in their order.
  const parking = createBatcher<Letter, Parking>({
    maxSize: BATCH_SIZE,
    maxInFlight: 1,
    run: async (letters) => {
      const results = await park(pool, letters, allowance).catch(toAppError);
      const parked = letters.filter((_, index) => results[index] === 'parked');
      for (const { entry } of parked) forgetQueued(entry.id);
      noteRefused(parked);
      if (parked.length > 0) show();
      // The next check, here or by the duty, drops the excess.
      if (isDue()) await keepBound().catch((err) => logger.warn({ err }, 'dlq.bound_not_kept'));
      return results;
    },
  });

  return {
    park: (entry, { wasRefused } = { wasRefused: false }) => parking.push({ entry, wasRefused }),
    read: (id) => readParked(pool, id).catch(toAppError),
    async remove(id, version) {
      const removed = await removeParked(pool, [{ id, version }]).catch(toAppError);
      if (removed > 0) show();
      return removed > 0;
    },
    keepBound,
  };
}
