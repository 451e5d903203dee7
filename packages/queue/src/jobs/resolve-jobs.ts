import { accountOf, type ResolveJob, uuidv7 } from '@contour/contract';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { countDown, createAccountWaiting, REPLAY_PRIORITY } from '../limits/account-waiting.ts';
import type { FailFastRedis } from '../redis/connect.ts';

const QUEUED = 'contour:queued:';
const NOTE_KEPT_SECONDS = 7 * 24 * 60 * 60;

/**
 * Says that a sender got the answer "queued" for a message. Until the message is resolved or parked, only this note
 * knows it.
 */
export interface QueuedNote {
  messageId: string;
  traceId: string;
  receivedAt: string;
}

/** The way in for messages: jobs of the queue `resolve`, their notes, and the counts of waiting messages. */
export interface ResolveJobs {
  /** Adds jobs, with a note for each message whose sender does not wait for the outcome. */
  addResolve(jobs: readonly ResolveJob[]): Promise<void>;
  /** How many messages of an account wait to be resolved, as far as this process knows. */
  waitingOf(account: string): number;
  /** Reads the counts of all processes. Call it once a second. */
  lookAtAccounts(): Promise<void>;
  /** Counts down one message for each mention of an account, when it has been resolved or parked. */
  forgetWaiting(accounts: readonly string[]): Promise<void>;
  noteQueued(note: QueuedNote): Promise<void>;
  forgetQueued(messageIds: readonly string[]): Promise<void>;
  findQueued(messageId: string): Promise<QueuedNote | null>;
}

export const queuedKey = (messageId: string): string => `${QUEUED}${messageId}`;

async function noteQueued(client: Redis, note: QueuedNote): Promise<void> {
  const { messageId, traceId, receivedAt } = note;
  const text = JSON.stringify({ messageId, traceId, receivedAt });
  await client.set(queuedKey(messageId), text, 'EX', NOTE_KEPT_SECONDS);
}

const isReplay = ({ replayOf }: ResolveJob): boolean => replayOf !== undefined;
/** A replay needs no note, because its entry is in the dead-letter queue. */
const needsNote = (job: ResolveJob): boolean => job.reply === undefined && !isReplay(job);

export function createResolveJobs({ client, ask }: FailFastRedis, queue: Queue): ResolveJobs {
  const accounts = createAccountWaiting(client, queue);

  /** A replay is not counted, or senders of its account would be refused. It has a priority of its own. */
  function jobOf(job: ResolveJob) {
    const priority = isReplay(job) ? REPLAY_PRIORITY : accounts.priorityOf(accountOf(job.message));
    const data = isReplay(job) ? job : { ...job, counted: true };
    // BullMQ drops a second job with a known id silently, so every job gets a new one.
    const opts = { jobId: uuidv7(), ...(priority === 0 ? {} : { priority }) };
    return { name: 'resolve', data, opts };
  }

  return {
    addResolve: (jobs) =>
      ask(async () => {
        // Noted first: the worker that ends a job removes its note, possibly at once.
        const notes = jobs.filter(needsNote).map(({ message }) => noteQueued(client, message));
        const noted = Promise.allSettled(notes);
        const counted = accounts.add(
          jobs.filter((job) => !isReplay(job)).map(({ message }) => accountOf(message)),
        );
        await queue.addBulk(jobs.map(jobOf));
        await Promise.all([noted, counted]);
      }),
    waitingOf: accounts.countOf,
    lookAtAccounts: () => ask(accounts.read),
    forgetWaiting: (ended) => ask(() => countDown(client, ended)),
    noteQueued: (note) => ask(() => noteQueued(client, note)),
    // The ledger knows a message that is resolved. A week of notes would fill Redis.
    forgetQueued: (messageIds) =>
      ask(async () => {
        if (messageIds.length > 0) await client.unlink(...messageIds.map(queuedKey));
      }),
    findQueued: (messageId) =>
      ask(async () => {
        const text = await client.get(queuedKey(messageId));
        return text === null ? null : (JSON.parse(text) as QueuedNote);
      }),
  };
}
