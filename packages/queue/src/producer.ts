import { accountOf, type Reply, type ResolveJob, uuidv7 } from '@contour/contract';
import { createAccountWaiting, REPLAY_ROW, removeWaiting } from './account-waiting.ts';
import { type Backlog, readBacklog } from './backlog.ts';
import { collectGivenUp, type HandleGivenUp } from './collect-given-up.ts';
import { connectFailFast, type OnError } from './connection.ts';
import { openQueue } from './open-queue.ts';
import { countLiveWorkers } from './presence.ts';
import { publishReplies } from './publish-replies.ts';
import { type QueueFacts, readQueueFacts } from './queue-facts.ts';
import { findQueued, forgetQueued, noteQueued, type QueuedNote } from './queued-notes.ts';
import { type RedisFacts, readRedisFacts } from './redis-facts.ts';
import { ringBells } from './shard-bells.ts';
import { readStreamFacts, type StreamFacts } from './streams/stream-facts.ts';

/** The side that has somebody waiting. Every method throws AppError('redis_unavailable') in 2.5 s. */
export interface Producer {
  /** With a note of each for which nobody waits: its sender is told that it is queued. */
  addResolve(jobs: readonly ResolveJob[]): Promise<void>;
  /** How many messages of an account wait to be resolved, as far as this process knows. */
  waitingOf(account: string): number;
  /** Reads the counts of all processes. Call it once a second. */
  lookAtAccounts(): Promise<void>;
  /** Counts down one message for each mention of an account, when it has been resolved or parked. */
  forgetWaiting(accounts: readonly string[]): Promise<void>;
  /** One waiting job per shard at most; a wake-up during a shard's run makes it run once more. */
  wakeDeliver(shards: readonly number[]): Promise<void>;
  /** Tells whoever delivers these shards that there is something new; wakes those that nobody delivers. */
  callDeliver(shards: readonly number[]): Promise<void>;
  /** One waiting job at most; a wake-up while the graph is being brought up to date adds one more. */
  wakeGraph(): Promise<void>;
  noteQueued(note: QueuedNote): Promise<void>;
  forgetQueued(messageIds: readonly string[]): Promise<void>;
  findQueued(messageId: string): Promise<QueuedNote | null>;
  /** How many processes heard, by channel: 0 means that nobody waits there any more. */
  publishReplies(
    replies: ReadonlyArray<{ to: string; reply: Reply }>,
  ): Promise<Map<string, number>>;
  /** Hands over each resolve job that BullMQ gave up on, then removes it; returns how many. */
  collectGivenUp(handle: HandleGivenUp): Promise<number>;
  /** The streams, shard by shard. */
  streamFacts(shardCount: number): Promise<StreamFacts[]>;
  /** The queues, one by one. */
  queueFacts(): Promise<QueueFacts[]>;
  ping(): Promise<void>;
  backlog(): Promise<Backlog>;
  /** Whether workers have something to resolve that they may take: while the queue is paused they have not. */
  isWorkWaiting(): Promise<boolean>;
  redisFacts(): Promise<RedisFacts>;
  liveWorkers(): Promise<number>;
  close(): Promise<void>;
}

/** A replay's entry is its note. */
const isForNobody = ({ reply, replayOf }: ResolveJob) =>
  reply === undefined && replayOf === undefined;

/** Redis may be away when this is called and whenever it likes; it is used again when it is back. */
export function createProducer(o: { redisUrl: string; onError: OnError }): Producer {
  const { client, ask, disconnect } = connectFailFast(o.redisUrl, o.onError);
  const resolve = openQueue('resolve', client);
  const deliver = openQueue('deliver', client);
  const graph = openQueue('graph', client);
  const accounts = createAccountWaiting(client, resolve);

  /** A replay is not counted, or senders of its account would be refused. It has a row of its own. */
  function jobOf(job: ResolveJob) {
    const isReplay = job.replayOf !== undefined;
    const priority = isReplay ? REPLAY_ROW : accounts.rowOf(accountOf(job.message));
    const data = isReplay ? job : { ...job, counted: true };
    // BullMQ drops a second job with a known id silently: ids are for uniqueness only.
    const opts = { jobId: uuidv7(), ...(priority === 0 ? {} : { priority }) };
    return { name: 'resolve', data, opts };
  }

  async function wakeDeliver(shards: readonly number[]): Promise<void> {
    await deliver.addBulk(
      shards.map((shard) => ({
        name: 'deliver',
        data: { shard },
        opts: {
          jobId: uuidv7(),
          deduplication: { id: `shard-${shard}`, keepLastIfActive: true },
        },
      })),
    );
  }

  return {
    addResolve: (jobs) =>
      ask(async () => {
        // Noted first: whoever ends the job forgets the note, and that may be very soon.
        const notes = jobs.filter(isForNobody).map(({ message }) => noteQueued(client, message));
        const noted = Promise.allSettled(notes);
        const isCounted = ({ replayOf }: ResolveJob) => replayOf === undefined;
        const counted = accounts.add(
          jobs.filter(isCounted).map(({ message }) => accountOf(message)),
        );
        await resolve.addBulk(jobs.map(jobOf));
        await Promise.all([noted, counted]);
      }),
    waitingOf: accounts.countOf,
    lookAtAccounts: () => ask(accounts.look),
    forgetWaiting: (ended) => ask(() => removeWaiting(client, ended)),
    wakeDeliver: (shards) => ask(() => wakeDeliver(shards)),
    callDeliver: (shards) =>
      ask(async () => {
        // A Redis that forbids it has no bells, and is worked with all the same.
        const unheard = await ringBells(client, shards).catch(() => shards);
        if (unheard.length > 0) await wakeDeliver(unheard);
      }),
    wakeGraph: () =>
      ask(async () => {
        const deduplication = { id: 'graph', keepLastIfActive: true };
        await graph.add('graph', {}, { jobId: uuidv7(), deduplication });
      }),
    noteQueued: (note) => ask(() => noteQueued(client, note)),
    forgetQueued: (messageIds) => ask(() => forgetQueued(client, messageIds)),
    findQueued: (messageId) => ask(() => findQueued(client, messageId)),
    publishReplies: (replies) => ask(() => publishReplies(client, replies)),
    collectGivenUp: (handle) => collectGivenUp({ queue: resolve, client, ask }, handle),
    streamFacts: (shardCount) => ask(() => readStreamFacts(client, shardCount)),
    queueFacts: () => ask(() => readQueueFacts(client)),
    ping: () =>
      ask(async () => {
        await client.ping();
      }),
    backlog: () => ask(() => readBacklog(client, resolve)),
    isWorkWaiting: () =>
      ask(async () => {
        const facts = await readQueueFacts(client);
        return facts.some((one) => one.queue === 'resolve' && !one.isPaused && one.waiting > 0);
      }),
    redisFacts: () => ask(() => readRedisFacts(client)),
    liveWorkers: () => ask(() => countLiveWorkers(client)),
    close: async () => {
      await Promise.allSettled([resolve.close(), deliver.close(), graph.close()]);
      disconnect();
    },
  };
}
