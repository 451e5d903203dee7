import {
  CREDENTIAL_FIELDS,
  checkIncoming,
  type IncomingMessage,
  mayHoldCredential,
  type Reply,
  resolveJob,
  unreadableBody,
} from '@contour/contract';
import { createResolveConsumer, type IncomingJob, TooLong } from '@contour/queue/jobs';
import type { Producer } from '@contour/queue/producer';
import { createBatcher, createWatchdog } from '@contour/runtime';
import { ping } from '@contour/store/database';
import { reviveMessage } from '@contour/store/messages';
import { findTenants } from '@contour/store/resolve';
import { z } from 'zod';
import { givenUpLetter } from '../dlq/letters.ts';
import { releaseParkedDuty } from '../duties/release-parked.ts';
import { createHeldMessages } from '../failures.ts';
import { writeLater } from '../hints.ts';
import { handleResolveJob, type JobReading } from '../resolve/handle-job.ts';
import type { Role, WorkerParts } from '../worker-parts.ts';

/** Counts of waiting messages may lag by this much, so that many are written at once. */
const FORGET_WITHIN_MS = 50;
const WATCHDOG = { intervalMs: 5_000, stuckAfterMs: 60_000 };

/**
 * Resolves the messages of the queue `resolve`, and releases parked ones. Calls `onStuck` once if jobs wait and none ends
 * for a long time. Next: `resolve/handle-job.ts`.
 */
export function openResolveRole(parts: WorkerParts, onStuck: () => void): Role {
  const { env, redis, pool, producer, resolver, dlq, logger } = parts;
  const jobDeps = {
    resolve: resolver.resolve,
    dlq,
    /** Makes a dead message due again. */
    revive: async (message: { tenantId: string; messageId: string }) => {
      const revival = await reviveMessage(pool, message, env.DELIVER_SHARDS);
      if (revival.shard !== null) parts.calls.call([revival.shard]);
      if (revival.hasLeft) dlq.noteReplayed();
      return revival;
    },
    ownerOf: async (message: IncomingMessage) => {
      const tenants = await findTenants(pool, [message]);
      return tenants.get(message)?.tenantId ?? null;
    },
    reply: createReply(producer),
    held: createHeldMessages(),
    forgetQueued: parts.forgetQueued,
    // A count that stays too high is later cut to the length of the queue.
    countDownWaiting: writeLater(producer.countDownWaiting, {
      withinMs: FORGET_WITHIN_MS,
      onFailure: (err) => logger.debug({ err }, 'waiting_count.stays'),
    }),
    logger,
  };
  const readingOf = ({ data, timestampMs }: IncomingJob) =>
    readJob(data, new Date(timestampMs), env.DEFAULT_TIMEZONE);
  const giveUp = async (job: IncomingJob, reason: string) => {
    await dlq.park(givenUpLetter(job, readingOf(job), reason));
  };
  let postponed = 0;
  const consumer = createResolveConsumer({
    ...redis,
    concurrency: env.RESOLVE_CONCURRENCY,
    seal: (job) => sealJob(job.data, new Date(job.timestampMs), env.DEFAULT_TIMEZONE),
    handle: async (job) => {
      const end = await handleResolveJob(jobDeps, job, readingOf(job));
      if (end !== 'done') postponed += 1;
      return end;
    },
    giveUp: (job, { message }) => giveUp(job, message),
    unsealed: replacedData,
  });
  const watchdog = createWatchdog({
    ...WATCHDOG,
    // A worker that postpones messages because of locks is not stuck.
    completed: () => consumer.completed() + postponed,
    isWorkWaiting: async () => {
      await ping(pool);
      return producer.isWorkWaiting();
    },
    onStuck: () => {
      logger.fatal({ stuckAfterMs: WATCHDOG.stuckAfterMs }, 'process.stuck');
      onStuck();
    },
  });
  const givenUp = {
    name: 'given-up',
    every: 5,
    run: async () => {
      await producer.collectGivenUp((job) => giveUp(job, job.failedReason));
    },
  };
  const release = () => releaseParkedDuty({ ...parts, resolveAll: resolver.resolveAll });
  return {
    consumer,
    duties: env.RELEASE_PARKED ? [givenUp, release()] : [givenUp],
    close: () => watchdog.stop(),
  };
}

/** Publishes replies, many at once. Resolves with the number of processes that received the reply. */
function createReply({ publishReplies }: Pick<Producer, 'publishReplies'>) {
  const replies = createBatcher<{ to: string; reply: Reply }, number>({
    maxSize: 500,
    maxInFlight: 2,
    run: async (items) => {
      const heardBy = await publishReplies(items);
      return items.map(({ to }) => heardBy.get(to) ?? 0);
    },
  });
  return (to: string, reply: Reply) => replies.push({ to, reply });
}

/** Replaces a body that cannot be read: see `sealJob`. */
const sealedUnreadable = z.object({
  unreadable: z.unknown(),
  faults: z.array(z.object({ path: z.string(), message: z.string() })),
});

const sealedIn = (data: object) =>
  'unreadable' in data ? sealedUnreadable.safeParse(data).data : undefined;

/**
 * Whether our API, or a worker that sealed the job, wrote this data. Checks a few fields only, because it runs for every
 * job. Reading the job finds out if foreign data has the same fields.
 */
function isOurs(data: unknown): data is object {
  if (typeof data !== 'object' || data === null || !('v' in data) || data.v !== 1) return false;
  if (CREDENTIAL_FIELDS.some((field) => Object.hasOwn(data, field))) return false;
  if (sealedIn(data)) return true;
  const { message } = data as { message?: { messageId?: unknown; fingerprint?: unknown } | null };
  return typeof message?.messageId === 'string' && typeof message.fingerprint === 'string';
}

/** Reads a job: data of our own API, or the contract's bare body from another service. */
export function readJob(data: unknown, addedAt: Date, timezone: string): JobReading {
  if (data instanceof TooLong) {
    return { ok: false, data, faults: [{ path: '', message: `is too long to be read: ${data}` }] };
  }
  if (isOurs(data)) {
    const sealed = sealedIn(data);
    if (sealed) return { ok: false, data: sealed.unreadable, faults: sealed.faults };
    const ours = resolveJob.safeParse(data);
    if (ours.success) return { ok: true, ...ours.data };
  }
  const checked = checkIncoming(data, addedAt, timezone);
  return checked.ok ? { ok: true, message: checked.message } : { ...checked, data };
}

/**
 * Data without a credential that replaces a job's data in Redis. A producer may have written a credential there, and
 * a job may be looked at, retried or kept. Undefined if nothing has to be replaced.
 */
export function sealJob(data: unknown, addedAt: Date, timezone: string): unknown {
  if (isOurs(data) || !mayHoldCredential(data)) return undefined;
  const reading = readJob(data, addedAt, timezone);
  if (reading.ok) return { v: 1, message: reading.message };
  return { v: 1, unreadable: unreadableBody(data), faults: reading.faults };
}

const REMOVED = 'could not be handled, and was removed because it may contain a credential';

/** Replaces data that could not be handled. It explains why the data is missing when the job is parked later. */
const replacedData = () => ({ v: 1, unreadable: null, faults: [{ path: '', message: REMOVED }] });
