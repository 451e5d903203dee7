import { AppError, type MessageObserver } from '@contour/contract';
import { createBatcher, type Logger } from '@contour/runtime';
import type { Settlement } from '@contour/store/lanes';
import {
  backoff,
  createSuspects,
  isAway,
  limitConcurrency,
  pause,
  untilItWorks,
} from '../failures.ts';

const BATCH_SIZE = 500;
/** Connections for parts that are written beside the others. A locked row occupies one for `lock_timeout`. */
const ASIDE_AT_ONCE = 2;
/** How long a mark may wait for others. If the process dies before a mark is written, its message is sent again. */
const MAY_WAIT_MS = 10;
/** The rest after each refusal of a part. */
const REST = { firstMs: 1_000, longestMs: 30_000 };

/** A part of the results of one dialog. */
export interface DialogPart extends Partial<Settlement> {
  dialogId: string;
}

/** Writes results of one dialog and resolves after the commit. If the dialog goes on, the write may wait for more. */
export type Settle = (part: DialogPart, how?: { mayWait: boolean }) => Promise<void>;

interface SettlerDeps {
  /** Writes to Postgres, with a short lock_timeout. */
  write: (settlement: Settlement) => Promise<void>;
  logger: Pick<Logger, 'warn'>;
  observer: Pick<MessageObserver, 'settled'>;
  stopping: AbortSignal;
}

const tenantOf = ({ attempts = [], emptied = [], postponed = [] }: DialogPart): string =>
  (attempts[0] ?? emptied[0] ?? postponed[0]?.lane)?.tenantId ?? '';

/**
 * Gathers the results of many dialogs and writes them in one statement at a time. With one statement in flight, the
 * marks of a dialog are written in the order in which they were made. If Postgres refuses a statement, its parts are
 * written one by one. A part that is refused alone is tried again beside the others, because a sent message must be
 * marked. Next: `settle` in the store.
 */
export function createSettler(deps: SettlerDeps): Settle {
  const write = createWrite(deps);
  const aside = createAside(deps, write);

  const batcher = createBatcher<DialogPart, Promise<void> | undefined>({
    maxSize: BATCH_SIZE,
    maxInFlight: 1,
    run: async (parts) => {
      const together = parts.filter((part) => !aside.isFor(part));
      const isWritten = together.length === 0 || (await write(together)) === undefined;
      const written = new Set(isWritten ? together : []);
      const ends: Array<Promise<void> | undefined> = [];
      for (const part of parts) {
        if (written.has(part)) ends.push(undefined);
        else if (aside.isFor(part)) ends.push(aside.push(part));
        else {
          const refusal = await write([part]);
          ends.push(refusal && aside.push(part, refusal));
        }
      }
      return ends;
    },
  });
  return async (part, { mayWait } = { mayWait: false }) => {
    await batcher.push(part, mayWait ? MAY_WAIT_MS : 0);
  };
}

/** Writes parts in one statement. Resolves with the error if Postgres refuses it. Waits while Postgres is away. */
type Write = (parts: readonly DialogPart[]) => Promise<AppError | undefined>;

function createWrite({ write, logger, observer, stopping }: SettlerDeps): Write {
  return async (parts) => {
    const settlement: Settlement = {
      attempts: parts.flatMap((part) => part.attempts ?? []),
      emptied: parts.flatMap((part) => part.emptied ?? []),
      postponed: parts.flatMap((part) => part.postponed ?? []),
    };
    const onFailure = (err: AppError) => logger.warn({ err }, 'settle.waits');
    try {
      await untilItWorks(() => write(settlement), { stopping, onFailure });
    } catch (error) {
      if (error instanceof AppError && !isAway(error)) return error;
      throw error;
    }
    if (settlement.attempts.length > 0) observer.settled(settlement.attempts.length);
    return undefined;
  };
}

/**
 * Writes refused parts beside the others. For a while after a refusal all parts of the tenant are written here, so that
 * its next locked row does not delay the others.
 */
function createAside({ logger, stopping }: SettlerDeps, write: Write) {
  const suspects = createSuspects();
  const runAside = limitConcurrency(ASIDE_AT_ONCE);
  /** The last refused part of each dialog. Later parts of the dialog are written after it. */
  const last = new Map<string, Promise<void>>();

  function noteRefused(part: DialogPart, err: AppError): void {
    suspects.note(tenantOf(part));
    logger.warn({ err, dialog_id: part.dialogId }, 'settle.refused');
  }

  /** Tries until it is written or the process stops. In that case the lane stays due and is sent again. */
  async function writeAlone(part: DialogPart, refusals: number): Promise<void> {
    for (let refused = refusals; ; refused += 1) {
      if (refused > 0) await pause(backoff(refused, REST), stopping);
      const refusal = await runAside(() => write([part]));
      if (refusal === undefined) return;
      if (stopping.aborted) throw refusal;
      noteRefused(part, refusal);
    }
  }

  return {
    /** Whether a part must be written beside the others. */
    isFor: (part: DialogPart) => last.has(part.dialogId) || suspects.has(tenantOf(part)),
    /** `refusal`: the error of a first try. */
    push(part: DialogPart, refusal?: AppError): Promise<void> {
      if (refusal) noteRefused(part, refusal);
      const before = last.get(part.dialogId) ?? Promise.resolve();
      const end = before
        .then(() => writeAlone(part, refusal ? 1 : 0))
        .finally(() => {
          if (last.get(part.dialogId) === end) last.delete(part.dialogId);
        });
      last.set(part.dialogId, end);
      // Its dialog awaits it; without this handler a failure before that would be an unhandled rejection.
      end.catch(() => undefined);
      return end;
    },
  };
}
