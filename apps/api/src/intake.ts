import { type IncomingMessage, type Reply, uuidv7 } from '@contour/contract';
import type { Logger } from '@contour/runtime';
import type { AddJob } from './add-jobs.ts';
import { type FindAnswer, lookIntoLedger } from './look-into-ledger.ts';
import type { OpenWaits } from './open-waits.ts';
import type { Preference } from './prefer.ts';
import { type Ending, waitForOutcome } from './wait-for-outcome.ts';

const LOOK_AFTER_MS = 1000;

/** A worker that decides later than this before the end parks instead: the answer might come too late. */
const REPLY_MARGIN_MS = 500;

interface Replies {
  channel: string;
  expect(requestId: string, timeoutMs: number): Promise<Reply | undefined>;
  forget(requestId: string): void;
}

export interface IntakeDeps {
  addJob: AddJob;
  replies: Replies;
  findAnswer: FindAnswer;
  noteQueued(queued: { messageId: string; traceId: string; receivedAt: string }): Promise<void>;
  forgetQueued(messageIds: readonly string[]): Promise<void>;
  openWaits: OpenWaits;
  waitMs: number;
  logger: Pick<Logger, 'warn'>;
}

/** What a sender can be told: how it ended, or that it is in the queue and why that is all. */
export type Acceptance = ({ kind: 'ended' } & Ending) | { kind: 'queued' } | { kind: 'not_yet' };

export interface Submission {
  message: IncomingMessage;
  prefer: Preference;
  /** Calls back when the sender hangs up. */
  onHangUp: (callback: () => void) => void;
}

/** Takes one checked message in: adds it, waits as long as the sender wants to, and says how it ended. */
export function createIntake(deps: IntakeDeps) {
  const { addJob, replies, openWaits, logger } = deps;

  /** The note only serves who asks for the receipt: the message is queued with or without it. */
  async function noteQueued({ messageId, traceId, receivedAt }: IncomingMessage): Promise<void> {
    try {
      await deps.noteQueued({ messageId, traceId, receivedAt });
    } catch (err) {
      logger.warn({ err, message_id: messageId }, 'queued_note.failed');
    }
  }

  /**
   * Its note is written before the last look. What is resolved later than that look is forgotten by its
   * worker, what was resolved before it is found, and forgotten here: no note stays.
   */
  async function addAndWait(submission: Submission, waitMs: number): Promise<Ending | undefined> {
    const { message, onHangUp } = submission;
    let isNoted = false;
    const note = async () => {
      isNoted = true;
      await noteQueued(message);
    };
    const requestId = uuidv7();
    const wait = openWaits.open();
    onHangUp(wait.cancel);
    // Expected before it is added: the reply may be faster than the acknowledgement.
    const told = replies.expect(requestId, waitMs);
    try {
      const untilMs = Date.now() + waitMs - REPLY_MARGIN_MS;
      await addJob({ v: 1, message, reply: { to: replies.channel, requestId, untilMs } });
      const ending = await waitForOutcome({
        told,
        cancelled: wait.cancelled,
        look: () => lookIntoLedger(deps.findAnswer, message),
        beforeLastLook: note,
        lookAfterMs: LOOK_AFTER_MS,
      });
      if (ending !== undefined && isNoted) {
        deps.forgetQueued([message.messageId]).catch(() => undefined);
      }
      if (ending === undefined && !isNoted) await note();
      return ending;
    } finally {
      replies.forget(requestId);
      wait.close();
    }
  }

  return async function takeIn(submission: Submission): Promise<Acceptance> {
    const { message, prefer } = submission;
    const waitMs = prefer.respondAsync ? Math.min(prefer.waitMs ?? 0, deps.waitMs) : deps.waitMs;
    if (waitMs === 0) {
      await addJob({ v: 1, message });
      return { kind: 'queued' };
    }
    const ending = await addAndWait(submission, waitMs);
    if (ending !== undefined) return { kind: 'ended', ...ending };
    return { kind: prefer.respondAsync ? 'queued' : 'not_yet' };
  };
}

export type TakeIn = ReturnType<typeof createIntake>;
