import {
  AppError,
  accountOf,
  type IncomingMessage,
  type Reply,
  type ResolveJob,
  uuidv7,
} from '@contour/contract';
import type { Producer } from '@contour/queue/producer';
import type { ReplyListener } from '@contour/queue/replies';
import type { TailPublisher } from '@contour/queue/tail';
import { createBatcher, type Logger, TimeoutError, within } from '@contour/runtime';
import type { Answer } from '@contour/store/messages';

// Longer than the producer's own bound, so that its error, which has the cause, comes first. A request that waits behind
// two hanging batches is refused as well.
const ADD_WITHIN_MS = 2_600;
/** After this time the ledger is asked once, because the worker's reply may be lost. */
const LOOK_AFTER_MS = 1000;
const LOOK_WITHIN_MS = 1000;
/** A worker that decides later than this before the end of the wait parks instead: its reply might come too late. */
const REPLY_MARGIN_MS = 500;

type AddJob = (job: ResolveJob) => Promise<void>;

interface Waiting {
  job: ResolveJob;
  givenUp: boolean;
}

/**
 * Adds the jobs that gather while other batches are on their way. A job that comes alone does not wait. For
 * `contour tail`, an added message is counted by its account: a worker finds the tenant later.
 */
export function createAddJob(
  addAll: (jobs: ResolveJob[]) => Promise<void>,
  tail: Pick<TailPublisher, 'count' | 'isWatched'>,
): AddJob {
  const batcher = createBatcher<Waiting, void>({
    maxInFlight: 2,
    maxSize: 100,
    async run(batch) {
      // The sender of a given-up job was told that it was not accepted, so it is not added.
      const jobs = batch.filter(({ givenUp }) => !givenUp).map(({ job }) => job);
      if (jobs.length > 0) await addAll(jobs);
      return batch.map(() => undefined);
    },
  });
  return async (job) => {
    const waiting: Waiting = { job, givenUp: false };
    try {
      await within(ADD_WITHIN_MS, batcher.push(waiting), 'redis');
    } catch (error) {
      waiting.givenUp = true;
      if (!(error instanceof TimeoutError)) throw error;
      throw new AppError('redis_unavailable', 'Redis did not take the message in time', error);
    }
    if (tail.isWatched()) tail.count(accountOf(job.message), 'accepted');
  };
}

/** What the worker decided about a message. */
export type Decision = Pick<Reply, 'outcome' | 'parked'>;

export interface IntakeDeps extends Pick<Producer, 'noteQueued' | 'forgetQueued'> {
  addJob: AddJob;
  replies: Pick<ReplyListener, 'channel' | 'expect' | 'forget'>;
  findAnswer: (message: IncomingMessage) => Promise<Answer | null>;
  openWaits: OpenWaits;
  logger: Pick<Logger, 'warn'>;
}

/**
 * Adds a message to the queue, and waits for its outcome. Undefined if the time passed without one.
 *
 * The note of a queued message is written before the last look into the ledger. If the message is resolved after that
 * look, its worker removes the note; if it was resolved before, the look finds it and the note is removed here.
 */
export async function addAndWait(
  deps: IntakeDeps,
  message: IncomingMessage,
  { waitMs, onHangUp }: { waitMs: number; onHangUp: (callback: () => void) => void },
): Promise<Decision | undefined> {
  const { replies } = deps;
  let isNoted = false;
  const note = async () => {
    isNoted = true;
    await noteQueued(deps, message);
  };
  const requestId = uuidv7();
  const wait = deps.openWaits.open();
  onHangUp(wait.cancel);
  // Expected before the job is added: the reply may be faster than the acknowledgement.
  const replied = replies.expect(requestId, waitMs);
  try {
    const untilMs = Date.now() + waitMs - REPLY_MARGIN_MS;
    await deps.addJob({ v: 1, message, reply: { to: replies.channel, requestId, untilMs } });
    const decision = await waitForOutcome({
      replied,
      cancelled: wait.cancelled,
      look: () => lookIntoLedger(deps, message),
      beforeLastLook: note,
      lookAfterMs: LOOK_AFTER_MS,
    });
    if (decision !== undefined && isNoted) {
      deps.forgetQueued([message.messageId]).catch(() => undefined);
    }
    if (decision === undefined && !isNoted) await note();
    return decision;
  } finally {
    replies.forget(requestId);
    wait.close();
  }
}

/** The note only serves GET /messages/:id: the message is queued with or without it. */
async function noteQueued(deps: IntakeDeps, message: IncomingMessage): Promise<void> {
  const { messageId, traceId, receivedAt } = message;
  try {
    await deps.noteQueued({ messageId, traceId, receivedAt });
  } catch (err) {
    deps.logger.warn({ err, message_id: messageId }, 'queued_note.failed');
  }
}

interface Wait {
  /** The worker's reply; undefined when the time is over. */
  replied: Promise<Decision | undefined>;
  /** Settles when waiting has no use any more: the sender hung up, or the process ends. */
  cancelled: Promise<void>;
  /** Looks into the ledger. Bounded, and never rejects: undefined means that it is not known. */
  look: () => Promise<Decision | undefined>;
  /** Called when the time is over, before the last look. */
  beforeLastLook: () => Promise<void>;
  lookAfterMs: number;
}

const STILL_WAITING = Symbol();

/**
 * Finds a message's outcome although a reply may get lost:
 *
 *   0 … lookAfterMs   wait for the reply
 *   lookAfterMs       look into the ledger once, and keep waiting for the reply meanwhile
 *   the end           look once more, unless the wait was cancelled
 */
export async function waitForOutcome(wait: Wait): Promise<Decision | undefined> {
  const { replied, cancelled, look, beforeLastLook, lookAfterMs } = wait;
  let isOver = false;
  const end = replied.then((decision) => {
    if (decision !== undefined || isOver) return decision;
    return beforeLastLook().then(look);
  });
  const over = Promise.race([end, cancelled.then(() => undefined)]);
  let timer: NodeJS.Timeout | undefined;
  const firstLook = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, lookAfterMs);
  }).then(look);
  // A first look that finds nothing does not end the wait.
  const found = firstLook.then((decision) => decision ?? STILL_WAITING);
  try {
    const first = await Promise.race([over, found]);
    return first === STILL_WAITING ? await over : first;
  } finally {
    clearTimeout(timer);
    isOver = true;
  }
}

const isSameMoment = (a: string, b: string) => Date.parse(a) === Date.parse(b);

function outcomeOf(message: IncomingMessage, { receipt, contentHash, receivedAt }: Answer) {
  if (contentHash !== message.contentHash) {
    return { kind: 'conflict', tenantId: receipt.tenantId } as const;
  }
  const isFirst =
    isSameMoment(receivedAt, message.receivedAt) && receipt.traceId === message.traceId;
  return { kind: isFirst ? 'resolved' : 'replayed', receipt } as const;
}

/** Reads from the ledger what a worker would have replied. Undefined also while Postgres is away. */
async function lookIntoLedger(
  { findAnswer }: IntakeDeps,
  message: IncomingMessage,
): Promise<Decision | undefined> {
  try {
    const answer = await within(LOOK_WITHIN_MS, findAnswer(message), 'postgres');
    return answer === null ? undefined : { outcome: outcomeOf(message, answer), parked: false };
  } catch {
    return undefined;
  }
}

/** The requests that wait for an outcome. A client that hangs up ends one wait, the end of the process ends all. */
export function createOpenWaits() {
  const cancels = new Set<() => void>();
  return {
    open(): { cancelled: Promise<void>; cancel: () => void; close: () => void } {
      let cancel = () => {};
      const cancelled = new Promise<void>((resolve) => {
        cancel = resolve;
      });
      cancels.add(cancel);
      return { cancelled, cancel, close: () => void cancels.delete(cancel) };
    },
    cancelAll(): void {
      for (const cancel of cancels) cancel();
    },
    get size() {
      return cancels.size;
    },
  };
}

type OpenWaits = ReturnType<typeof createOpenWaits>;
