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
/** After this share of their bound has been parked, what was refused is held against it. */
const LOOK_SHARE = 1 / 16;

/** So often it is looked at also where nothing was parked here: another worker may have died before its look. */
const LOOK_MS = 60_000;

/** The dead-letter queue as a worker writes it. Every method throws AppError where Postgres is away. */
export interface Dlq {
  /**
   * A message is parked once: its entry is kept in place, with the newest reason and error. `wasRefused`: its
   * sender was told that it was not accepted.
   */
  park(entry: DlqEntry, how?: { wasRefused: boolean }): Promise<Parking>;
  read(id: string): Promise<ParkedEntry | null>;
  /** Only if the entry is still the one that was read. */
  remove(id: string, version: string): Promise<boolean>;
}

interface DlqDeps {
  pool: Pool;
  /** The room of one unknown account. */
  allowance: Allowance;
  /** The room of all that was refused, together. */
  refused: Allowance;
  /** What is parked is not queued any more. */
  forgetQueued: (messageId: string) => void;
  /** Redis should show what has changed. */
  show: () => void;
  onDropped: (count: number) => void;
  logger: Pick<Logger, 'warn'>;
}

export interface OpenDlq extends Dlq {
  /** Holds what was refused against its bound. */
  keepBound(): Promise<void>;
}

const toAppError = (error: unknown): never => {
  throw asAppError(error);
};

export function createDlq(deps: DlqDeps): OpenDlq {
  const { pool, allowance, refused, forgetQueued, show, onDropped, logger } = deps;
  /** Refused since the last look. */
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

  // One at a time: what comes in order is parked in order.
  const parking = createBatcher<Letter, Parking>({
    maxSize: BATCH_SIZE,
    maxInFlight: 1,
    run: async (letters) => {
      const results = await park(pool, letters, allowance).catch(toAppError);
      const parked = letters.filter((_, index) => results[index] === 'parked');
      for (const { entry } of parked) forgetQueued(entry.id);
      noteRefused(parked);
      if (parked.length > 0) show();
      // What is over the bound now is dropped by the next look, here or by the duty.
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
