import { accountOf, type IncomingMessage, type Reply, type ResolveJob } from '@contour/contract';
import { type IncomingJob, type JobOutcome, resolveDelayMs } from '@contour/queue/jobs';
import type { Logger } from '@contour/runtime';
import type { HeldMessages } from '../apart.ts';
import type { Dlq } from '../dlq/dlq.ts';
import { type Unresolved, unreadableLetter, unresolvedLetter } from '../dlq/letters.ts';
import { failedByItself } from '../outages.ts';
import { type JobReading, readJob } from './read-job.ts';
import { endReplay, isAccepted, type ReplayDeps, resolveReplayed } from './replay.ts';

type Readable = Extract<JobReading, { ok: true }>;

interface JobDeps extends ReplayDeps {
  held: HeldMessages;
  dlq: Pick<Dlq, 'park' | 'read' | 'remove'>;
  /** Resolves with the number of processes that received the reply. */
  reply: (to: string, reply: Reply) => Promise<number>;
  /** Removes the note that the message is queued. */
  forgetQueued: (messageId: string) => void;
  /** Counts down the waiting messages of the account. */
  countDownWaiting: (account: string) => void;
  logger: Logger;
}

const RETRY_MS = 1_000;
/** Short, because a sender may wait, and another worker soon releases its lock. */
const FIRST_REST_MS = 250;
/** After this many failures of its own, within some five minutes, a message is parked. */
const MAX_FAILURES = 20;

/**
 * Handles one job: reads it, resolves its message, and sends the reply or parks the message. Waits only for a server that
 * is away. Next: `resolver.ts`, which resolves the message in a batch with others.
 */
export async function handleResolveJob(deps: JobDeps, job: IncomingJob): Promise<JobOutcome> {
  const reading = readJob(job.data, new Date(job.timestampMs));
  if (!reading.ok) {
    try {
      await deps.dlq.park(unreadableLetter({ ...job, data: reading.data }, reading.faults));
      return 'done';
    } catch (error) {
      return postpone(deps, job, error);
    }
  }
  const end = await resolveOrPostpone(deps, job, reading);
  if (end === 'done' && reading.counted) deps.countDownWaiting(accountOf(reading.message));
  return end;
}

async function resolveOrPostpone(
  deps: JobDeps,
  job: IncomingJob,
  reading: Readable,
): Promise<JobOutcome> {
  const { message } = reading;
  const leftMs = deps.held.leftMs(message);
  if (leftMs > 0) return { retryInMs: leftMs };
  try {
    await finish(deps, job, reading);
    return 'done';
  } catch (error) {
    const end = await postpone(deps, job, error);
    if (end !== 'done' && end.failures !== undefined) deps.held.hold(message, end.retryInMs);
    return end;
  }
}

async function finish(deps: JobDeps, job: IncomingJob, reading: Readable): Promise<void> {
  const { message, reply, replayOf, replayFor } = reading;
  const replayed = replayOf === undefined ? null : await deps.dlq.read(replayOf);
  // The entry may be gone: another replay succeeded, or an operator cleared it. Then the job names the tenant.
  const tenantId = replayed?.entry.tenantId ?? replayFor ?? null;
  const resolved = await resolveReplayed(deps, message, replayed, tenantId);
  const { outcome } = resolved;
  const mustPark = !isAccepted(outcome) && !isForSender(outcome, reading);
  // Parking it again would drop the entry's tenant.
  const stays = outcome.kind === 'unknown_tenant' && tenantId !== null;
  // The reply will say that the message was not accepted. For a replay, the entry holds that fact.
  const wasRefused = replayOf === undefined ? isHeard(reply) : (replayed?.wasRefused ?? false);
  const parked = stays || (mustPark && (await park(deps, job, message, outcome, wasRefused)));
  await endReplay(deps, reading, replayed, resolved, parked);
  if (reply) {
    const heardBy = await deps.reply(reply.to, { requestId: reply.requestId, outcome, parked });
    // A message whose refusal reaches no sender is parked as accepted: its sender took it for queued.
    const isKept = isAccepted(outcome) || replayOf !== undefined || (mustPark && !wasRefused);
    const isTold = heardBy > 0 && !(parked && !isHeard(reply));
    if (!isKept && !isTold) await park(deps, job, message, outcome);
  }
  if (!isHeard(reply)) deps.forgetQueued(message.messageId);
  deps.logger.debug(
    {
      outcome: outcome.kind,
      message_id: message.messageId,
      trace_id: message.traceId,
      parked,
    },
    'message.resolved',
  );
}

/** After this time the sender has got the answer that its message is queued, and no longer waits for a refusal. */
const isHeard = (reply: ResolveJob['reply']): boolean =>
  reply !== undefined && Date.now() < reply.untilMs;

/**
 * Whether the reply alone carries the refusal. A message with an unknown credential is always parked, to wait for its
 * tenant. Another refused message is parked only if no sender waits for the reply.
 */
const isForSender = (outcome: Unresolved, { reply, replayOf }: Readable): boolean =>
  outcome.kind !== 'unknown_tenant' && replayOf === undefined && isHeard(reply);

async function park(
  deps: JobDeps,
  job: IncomingJob,
  message: IncomingMessage,
  outcome: Unresolved,
  wasRefused = false,
): Promise<boolean> {
  const letter = unresolvedLetter(message, outcome, job.started);
  const result = await deps.dlq.park(letter, { wasRefused });
  if (result === 'parked') return true;
  deps.logger.warn({ message_id: message.messageId }, 'resolve.not_parked');
  return false;
}

/** Delays the job, longer after each failure of its own, and parks it after too many of them. */
async function postpone(deps: JobDeps, job: IncomingJob, error: unknown): Promise<JobOutcome> {
  if (!failedByItself(error)) {
    deps.logger.debug({ err: error, job_id: job.id }, 'resolve.waits');
    return { retryInMs: withJitter(RETRY_MS) };
  }
  const failures = job.failures + 1;
  if (failures >= MAX_FAILURES) {
    deps.logger.error({ err: error, job_id: job.id }, 'resolve.given_up');
    await parkGivenUp(deps.dlq, { ...job, failedReason: (error as Error).message });
    return 'done';
  }
  deps.logger.warn({ err: error, job_id: job.id, failures }, 'resolve.postponed');
  return { retryInMs: withJitter(resolveDelayMs(failures, FIRST_REST_MS)), failures };
}

/** Two messages that met at one row get different delays, so that they do not meet there again. */
const withJitter = (ms: number): number => Math.round(ms * (0.5 + Math.random() / 2));

/** Parks a job that failed too often, or whose workers died several times: perhaps the message is the reason. */
export async function parkGivenUp(
  dlq: Pick<Dlq, 'park'>,
  job: IncomingJob & { failedReason: string },
): Promise<void> {
  const reading = readJob(job.data, new Date(job.timestampMs));
  await dlq.park(
    reading.ok
      ? unresolvedLetter(reading.message, { kind: 'stalled' }, job.started, job.failedReason)
      : unreadableLetter({ ...job, data: reading.data }, reading.faults),
  );
}
