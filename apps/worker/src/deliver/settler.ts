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

interface Written {
  /** For a part that is written beside the others: settles when it is written. */
  end?: Promise<void>;
}

const isRefusal = (error: unknown): boolean => error instanceof AppError && !isAway(error);

/**
 * Gathers the results of many dialogs and writes them in one statement at a time. With one statement in flight, the
 * marks of a dialog are written in the order in which they were made. If Postgres refuses a statement, its parts are
 * written one by one. A part that is refused alone is tried again beside the others, because a sent message must be
 * marked. Next: `settle` in the store.
 */
export function createSettler(deps: SettlerDeps): Settle {
  const write = createWrite(deps);
  const aside = createAside(deps, write);

  async function writeOne(part: DialogPart): Promise<Written> {
    if (aside.isFor(part)) return { end: aside.push(part) };
    try {
      await write([part]);
      return {};
    } catch (error) {
      if (!isRefusal(error)) throw error;
      aside.noteRefused(part, error);
      return { end: aside.push(part, 1) };
    }
  }

  const batcher = createBatcher<DialogPart, Written>({
    maxSize: BATCH_SIZE,
    maxInFlight: 1,
    run: async (parts) => {
      const written = new Set(parts.filter((part) => !aside.isFor(part)));
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

type Write = (parts: readonly DialogPart[]) => Promise<void>;

function createWrite({ write, logger, observer, stopping }: SettlerDeps): Write {
  return async (parts) => {
    const settlement: Settlement = {
      attempts: parts.flatMap((part) => part.attempts ?? []),
      emptied: parts.flatMap((part) => part.emptied ?? []),
      postponed: parts.flatMap((part) => part.postponed ?? []),
    };
    await untilItWorks(() => write(settlement), {
      stopping,
      onFailure: (err) => logger.warn({ err }, 'settle.waits'),
    });
    if (settlement.attempts.length > 0) observer.settled(settlement.attempts.length);
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

  function noteRefused(part: DialogPart, err: unknown): void {
    suspects.note(tenantOf(part));
    logger.warn({ err, dialog_id: part.dialogId }, 'settle.refused');
  }

  /** Tries until it is written or the process stops. In that case the lane stays due and is sent again. */
  async function writeAlone(part: DialogPart, refusals: number): Promise<void> {
    for (let refused = refusals; ; refused += 1) {
      if (refused > 0) await pause(backoff(refused, REST), stopping);
      try {
        return await runAside(() => write([part]));
      } catch (error) {
        if (!isRefusal(error) || stopping.aborted) throw error;
        noteRefused(part, error);
      }
    }
  }

  return {
    /** Whether a part must be written beside the others. */
    isFor: (part: DialogPart) => last.has(part.dialogId) || suspects.has(tenantOf(part)),
    /** `refusals`: how often the part was refused already. */
    push(part: DialogPart, refusals = 0): Promise<void> {
      const before = last.get(part.dialogId) ?? Promise.resolve();
      const end = before
        .then(() => writeAlone(part, refusals))
        .finally(() => {
          if (last.get(part.dialogId) === end) last.delete(part.dialogId);
        });
      last.set(part.dialogId, end);
      // Its dialog awaits it; without this handler a failure before that would be an unhandled rejection.
      end.catch(() => undefined);
      return end;
    },
    noteRefused,
  };
}

const tenantOf = ({ attempts = [], emptied = [], postponed = [] }: DialogPart): string =>
  (attempts[0] ?? emptied[0] ?? postponed[0]?.lane)?.tenantId ?? '';
