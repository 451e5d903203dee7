import { AppError } from '@contour/contract';
import type { Logger } from '@contour/runtime';
import { createBatcher } from '@contour/runtime';
import { asAppError, type Pool, type Settlement, settle } from '@contour/store';
import type { DeliveryMetrics } from '../metrics/delivery-metrics.ts';
import { limitConcurrency } from '../resolve/limit-concurrency.ts';
import { createSuspects } from '../resolve/suspects.ts';
import { isAway, pause, untilItWorks } from '../until-it-works.ts';

const BATCH_SIZE = 500;

/** Connections for parts that are written beside the others. A locked row occupies one for `lock_timeout`. */
const ASIDE_AT_ONCE = 2;

/** How long a mark may wait for others: what a process that dies has not marked is sent again. */
const MAY_WAIT_MS = 10;

const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 30_000;

/** A part of the outcomes of one dialog. */
export interface DialogPart extends Partial<Settlement> {
  dialogId: string;
}

/** Writes what one dialog has come to. Resolves when it is committed. One that goes on may wait for more to write. */
export type Settle = (part: DialogPart, how?: { mayWait: boolean }) => Promise<void>;

interface Written {
  /** For a part that is written beside the others: settles when it is written. */
  end?: Promise<void>;
}

const isRefusal = (error: unknown): boolean => error instanceof AppError && !isAway(error);

const tenantOf = ({ attempts = [], emptied = [], postponed = [] }: DialogPart): string =>
  (attempts[0] ?? emptied[0] ?? postponed[0]?.lane)?.tenantId ?? '';

/**
 * Gathers what many dialogs have come to and writes it in one statement at a time: one in flight
 * keeps a dialog's marks in the order in which they were made. A statement that Postgres refuses is written part by
 * part. A part that is refused alone is tried again beside the others, because a sent message must be marked. For a
 * while all parts of its tenant are written beside the others, so that its next locked row does not delay them.
 */
export function createSettler(deps: {
  /** Has a short lock_timeout. */
  pool: Pool;
  logger: Logger;
  metrics: Pick<DeliveryMetrics, 'settled'>;
  stopping: AbortSignal;
}): Settle {
  const { pool, logger, metrics, stopping } = deps;

  async function write(parts: readonly DialogPart[]): Promise<void> {
    const settlement: Settlement = {
      attempts: parts.flatMap((part) => part.attempts ?? []),
      emptied: parts.flatMap((part) => part.emptied ?? []),
      postponed: parts.flatMap((part) => part.postponed ?? []),
    };
    const once = () =>
      settle(pool, settlement).catch((error: unknown) => {
        throw asAppError(error);
      });
    await untilItWorks(once, {
      stopping,
      onFailure: (err) => logger.warn({ err }, 'settle.waits'),
    });
    if (settlement.attempts.length > 0) metrics.settled(settlement.attempts.length);
  }

  const suspects = createSuspects();
  const runAside = limitConcurrency(ASIDE_AT_ONCE);

  function noteRefused(part: DialogPart, err: unknown): void {
    suspects.note(tenantOf(part));
    logger.warn({ err, dialog_id: part.dialogId }, 'settle.refused');
  }

  /** Tries until it is written or the process stops. In that case the lane stays due and is sent again. */
  async function writeAlone(part: DialogPart, firstRestMs: number): Promise<void> {
    for (let restMs = firstRestMs; ; ) {
      if (restMs > 0) await pause(restMs, stopping);
      try {
        return await runAside(() => write([part]));
      } catch (error) {
        if (!isRefusal(error) || stopping.aborted) throw error;
        noteRefused(part, error);
      }
      restMs = Math.min(Math.max(restMs * 2, FIRST_REST_MS), LONGEST_REST_MS);
    }
  }

  /** The last refused part of each dialog. Later parts of the dialog are written after it. */
  const aside = new Map<string, Promise<void>>();

  function setAside(part: DialogPart, firstRestMs = 0): Promise<void> {
    const before = aside.get(part.dialogId) ?? Promise.resolve();
    const end = before
      .then(() => writeAlone(part, firstRestMs))
      .finally(() => {
        if (aside.get(part.dialogId) === end) aside.delete(part.dialogId);
      });
    aside.set(part.dialogId, end);
    // Its dialog awaits it; without this handler a failure before that would be an unhandled rejection.
    end.catch(() => undefined);
    return end;
  }

  const isApart = (part: DialogPart): boolean =>
    aside.has(part.dialogId) || suspects.has(tenantOf(part));

  async function writeOne(part: DialogPart): Promise<Written> {
    if (isApart(part)) return { end: setAside(part) };
    try {
      await write([part]);
      return {};
    } catch (error) {
      if (!isRefusal(error)) throw error;
      noteRefused(part, error);
      return { end: setAside(part, FIRST_REST_MS) };
    }
  }

  const batcher = createBatcher<DialogPart, Written>({
    maxSize: BATCH_SIZE,
    maxInFlight: 1,
    run: async (parts) => {
      const written = new Set(parts.filter((part) => !isApart(part)));
      try {
        if (written.size > 0) await write([...written]);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        written.clear();
      }
      const ends: Written[] = [];
      for (const part of parts) ends.push(written.has(part) ? {} : await writeOne(part));
      return ends;
    },
  });
  return async (part, { mayWait } = { mayWait: false }) => {
    const { end } = await batcher.push(part, mayWait ? MAY_WAIT_MS : 0);
    await end;
  };
}
