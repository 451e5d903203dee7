import { accountOf, type ResolveJob, uuidv7 } from '@contour/contract';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type FailFastRedis, loadScript } from '../redis/connect.ts';

const QUEUED = 'contour:queued:';
const NOTE_KEPT_SECONDS = 7 * 24 * 60 * 60;

/*
 * Counts, for each account, the messages that the API has added and that wait to be resolved. An account with many
 * waiting messages gets a lower priority: its jobs are taken after those of all other accounts. It keeps this priority
 * until none of its messages waits, so that their order is kept.
 *
 * | waiting           | fewer than 100 | from 100 | from 1 000 | a replay |
 * | BullMQ's priority | 0 (none)       | 1        | 2          | 3        |
 *
 * The counts are hints. Once a second a count that a crash left too high is cut to the length of the queue, and all
 * counts are dropped if the queue is empty.
 */
const WAITING_KEY = 'contour:waiting';
const PRIORITIES_KEY = 'contour:waiting-rows';

const PRIORITY_FROM = [100, 1_000] as const;
export const REPLAY_PRIORITY = PRIORITY_FROM.length + 1;

/** The types of the keys in which BullMQ has jobs that have not ended. */
const NOT_ENDED = ['wait', 'paused', 'active', 'prioritized', 'delayed'];

const COUNT_DOWN = loadScript(import.meta.dirname, 'count-down.lua');
const READ_COUNTS = loadScript(import.meta.dirname, 'read-counts.lua');

/**
 * Says that a sender got the answer "queued" for a message. Until the message is resolved or parked, only this note
 * knows it.
 */
export interface QueuedNote {
  messageId: string;
  traceId: string;
  receivedAt: string;
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

/** The way in for messages: jobs of the queue `resolve`, their notes, and the counts of waiting messages. */
export function createResolveJobs({ client, ask }: FailFastRedis, queue: Queue) {
  const accounts = createAccountCounts(client, queue);

  /** A replay is not counted, or senders of its account would be refused. It has a priority of its own. */
  function jobOf(job: ResolveJob) {
    const priority = isReplay(job) ? REPLAY_PRIORITY : accounts.priorityOf(accountOf(job.message));
    const data = isReplay(job) ? job : { ...job, counted: true };
    // BullMQ drops a second job with a known id silently, so every job gets a new one.
    const opts = { jobId: uuidv7(), ...(priority === 0 ? {} : { priority }) };
    return { name: 'resolve', data, opts };
  }

  return {
    /** Adds jobs, with a note for each message whose sender does not wait for the outcome. */
    addResolve: (jobs: readonly ResolveJob[]) =>
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
    /** How many messages of an account wait to be resolved, as far as this process knows. */
    waitingOf: accounts.countOf,
    /** Reads the counts of all processes. Call it once a second. */
    readWaitingCounts: () => ask(accounts.read),
    /** Counts down one message for each mention of an account, when it has been resolved or parked. */
    countDownWaiting: (ended: readonly string[]) =>
      ask(async () => {
        if (ended.length > 0) await COUNT_DOWN.run(client, [WAITING_KEY], countsOf(ended).flat());
      }),
    noteQueued: (note: QueuedNote) => ask(() => noteQueued(client, note)),
    // The ledger knows a message that is resolved. A week of notes would fill Redis.
    forgetQueued: (messageIds: readonly string[]) =>
      ask(async () => {
        if (messageIds.length > 0) await client.unlink(...messageIds.map(queuedKey));
      }),
    findQueued: (messageId: string) =>
      ask(async () => {
        const text = await client.get(queuedKey(messageId));
        return text === null ? null : (JSON.parse(text) as QueuedNote);
      }),
  };
}

export const priorityFor = (waiting: number): number =>
  PRIORITY_FROM.filter((from) => waiting >= from).length;

function pairs(flat: readonly string[]): Map<string, number> {
  const map = new Map<string, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) map.set(flat[i] ?? '', Number(flat[i + 1]));
  return map;
}

function countsOf(accounts: readonly string[]): Array<[account: string, count: number]> {
  const counts = new Map<string, number>();
  for (const account of accounts) counts.set(account, (counts.get(account) ?? 0) + 1);
  return [...counts];
}

/** The counts that this process knows: updated with every message that it adds, and once a second. */
function createAccountCounts(client: Redis, queue: Queue) {
  let counts = new Map<string, number>();
  let priorities = new Map<string, number>();

  const countOf = (account: string) => counts.get(account) ?? 0;

  function note(account: string, count: number): void {
    counts.set(account, count);
    const priority = priorityFor(count);
    if (priority <= (priorities.get(account) ?? 0)) return;
    priorities.set(account, priority);
    // Kept while fewer messages wait: new messages must not overtake those of this priority.
    client.hset(PRIORITIES_KEY, account, priority).catch(() => undefined);
  }

  return {
    /** Counts one more message for each mention of an account. Call it together with adding the jobs. */
    async add(accounts: readonly string[]): Promise<void> {
      const added = countsOf(accounts);
      // Counted here first, so that later batches see it before Redis has answered.
      for (const [account, n] of added) note(account, countOf(account) + n);
      await Promise.allSettled(
        added.map(async ([account, n]) => {
          note(account, Number(await client.zincrby(WAITING_KEY, n, account)));
        }),
      );
    },
    priorityOf: (account: string) => priorities.get(account) ?? 0,
    countOf,
    /** Reads the counts of all processes. */
    async read(): Promise<void> {
      const keys = [WAITING_KEY, PRIORITIES_KEY, ...NOT_ENDED.map((type) => queue.toKey(type))];
      const answer = await READ_COUNTS.run(client, keys, PRIORITY_FROM);
      const [many, known] = answer as [string[], string[]];
      counts = pairs(many);
      priorities = pairs(known);
    },
  };
}
